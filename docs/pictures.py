"""Make the pictures under docs/images from the demo: `python -m docs.pictures` starts a demo of its
own, walks through it as somebody would, and keeps what is on the screen."""

from __future__ import annotations

import io
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

from tests.pages import OPEN_ROOTS
from tests.services import CHROMIUM_FLAGS, Program, chromium

IMAGES = Path(__file__).parent / "images"
DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
MOST_BYTES = 150_000


def main() -> int:
    IMAGES.mkdir(exist_ok=True)
    expect.set_options(timeout=20_000)
    with demo() as address, browser() as open_page:
        sell(open_page, address)
        for name, take in PICTURES.items():
            keep(name, take(open_page, address))
    return 0


@contextmanager
def demo() -> Iterator[str]:
    """The whole program with the demo's month, from nothing."""
    with tempfile.TemporaryDirectory(prefix="candor-pictures-") as folder:
        program = Program({"CANDOR_DATA": folder, "CANDOR_ENV": "development"})
        program.start("up", "--demo")
        try:
            program.wait("/health/ready", seconds=120)
            yield program.url
        finally:
            program.stop()


@contextmanager
def browser() -> Iterator[Callable[..., Page]]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_FLAGS)

        def open_page(address: str, size: dict[str, int], **options: Any) -> Page:
            context = started.new_context(viewport=size, reduced_motion="reduce", **options)  # type: ignore[arg-type]
            context.add_init_script(OPEN_ROOTS)
            page = context.new_page()
            page.goto(address)
            return page

        yield open_page
        started.close()


def sell(open_page: Callable[..., Page], address: str) -> None:
    """A morning at the shop, which also shows the snippet to the install check."""
    page = open_page(f"{address}/demo", DESKTOP)
    page.wait_for_function("!!window.candor.boot")
    for ware in (1, 0, 2, 1, 3, 0, 2):
        page.get_by_role("button", name="Buy").nth(ware).click()
        page.wait_for_timeout(700)
    page.context.close()


def dashboard(open_page: Callable[..., Page], address: str, size: dict[str, int] = DESKTOP) -> Page:
    page = open_page(f"{address}/sign-in", size)
    page.get_by_label("E-mail").fill("demo@candor.example")
    page.get_by_label("Password").fill("show me around")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Home")).to_be_visible()
    return page


def home(open_page: Callable[..., Page], address: str) -> bytes:
    return dashboard(open_page, address).screenshot()


def builder(open_page: Callable[..., Page], address: str) -> bytes:
    page = dashboard(open_page, address)
    page.goto(f"{address}/o/demo/campaigns")
    page.get_by_role("link", name="Recent purchases").click()
    for title in ("Preview on a desktop", "Preview on a phone"):
        frame = page.frame_locator(f'iframe[title="{title}"]')
        expect(frame.locator(".card").first).to_be_visible()
    page.wait_for_timeout(500)
    return page.screenshot()


def inspector(open_page: Callable[..., Page], address: str) -> bytes:
    page = dashboard(open_page, address)
    page.goto(f"{address}/o/demo/sources/deliveries?verdict=failed")
    page.locator("#deliveries .table__link").first.click()
    expect(page.get_by_text("It was not understood")).to_be_visible()
    return page.screenshot()


def history(open_page: Callable[..., Page], address: str) -> bytes:
    """Somebody changes a colour and a delay first, so that there is something to read."""
    page = dashboard(open_page, address)
    page.goto(f"{address}/o/demo/campaigns")
    page.get_by_role("link", name="Recent purchases").click()
    page.get_by_text("Behaviour").click()
    page.get_by_label("Delay").fill("5")
    page.get_by_label("Accent", exact=True).fill("#1d4ed8")
    page.get_by_label("Wording", exact=True).fill("{{first_name}} from {{city}} chose {{product}}")
    page.get_by_role("button", name="Publish changes").click()
    expect(page.get_by_text("Visitors see this")).to_be_visible()
    page.get_by_title("More").click()
    page.get_by_role("link", name="History and roll back").click()
    expect(page.get_by_role("heading", name="History")).to_be_visible()
    return page.screenshot()


def snippet(open_page: Callable[..., Page], address: str) -> bytes:
    page = dashboard(open_page, address)
    page.goto(f"{address}/o/demo/sites")
    page.get_by_role("link", name="Tea shop", exact=True).click()
    page.get_by_role("link", name="Snippet", exact=True).click()
    expect(page.get_by_text("The snippet is in.")).to_be_visible()
    return page.screenshot()


def widget(open_page: Callable[..., Page], address: str) -> bytes:
    page = open_page(f"{address}/demo", DESKTOP)
    page.wait_for_function("!!window.candor.boot")
    page.get_by_role("button", name="Buy").first.click()
    expect(page.locator(".card").first).to_be_visible()
    page.wait_for_timeout(500)
    return page.screenshot()


def analytics(open_page: Callable[..., Page], address: str) -> bytes:
    """Two weeks beside the two before, with a goal."""
    page = dashboard(open_page, address)
    page.get_by_role("link", name="Visitors of Tea shop").click()
    page.get_by_role("link", name="Add a goal").click()
    page.get_by_role("link", name="checkout").click()
    page.get_by_role("button", name="Create goal").click()
    page.get_by_role("link", name="Overview").click()
    today = date.today()
    page.locator("summary", has_text="Other days").click()
    page.get_by_label("From", exact=True).fill((today - timedelta(days=14)).isoformat())
    page.get_by_label("To", exact=True).fill((today - timedelta(days=1)).isoformat())
    page.get_by_role("button", name="Show").click()
    expect(page.locator(".chart__canvas canvas")).to_be_visible()
    page.mouse.move(1200, 20)
    page.set_viewport_size({**DESKTOP, "height": 1180})
    page.wait_for_timeout(300)
    return page.screenshot()


def funnel(open_page: Callable[..., Page], address: str) -> bytes:
    page = dashboard(open_page, address)
    page.get_by_role("link", name="Visitors of Tea shop").click()
    page.get_by_role("link", name="Funnels").click()
    page.get_by_role("link", name="New funnel").click()
    page.get_by_label("Name", exact=True).fill("From a tea to an order")
    for number, pick in enumerate(("/", "cart_add", "checkout", "conversion"), 1):
        page.get_by_role("button", name=pick, exact=True).click()
        step = page.locator(f"#match-{number}")
        expect(step).to_have_value(pick)
    page.get_by_role("button", name="Save funnel").click()
    expect(page.get_by_role("heading", name="From a tea to an order")).to_be_visible()
    page.get_by_label("Split by").select_option("device")
    expect(page.get_by_role("table", name="Steps by device")).to_be_visible()
    return page.screenshot()


def phone(open_page: Callable[..., Page], address: str) -> bytes:
    return dashboard(open_page, address, PHONE).screenshot()


# The history is last: it changes what the others show.
PICTURES = {
    "home": home,
    "builder": builder,
    "inspector": inspector,
    "analytics": analytics,
    "funnel": funnel,
    "snippet": snippet,
    "widget": widget,
    "phone": phone,
    "history": history,
}


def keep(name: str, shot: bytes) -> None:
    path = IMAGES / f"{name}.png"
    with_palette(Image.open(io.BytesIO(shot)).convert("RGB")).save(path, optimize=True)
    size = path.stat().st_size
    print(f"{path.relative_to(Path.cwd())}: {size / 1000:.0f} KB")
    if size > MOST_BYTES:
        raise SystemExit(f"{name} is larger than {MOST_BYTES} bytes")


def with_palette(picture: Image.Image) -> Image.Image:
    """A third of the size, and to the eye the same: surfaces and small dots keep their very
    colours, only the edges of letters move to a neighbour. Pillow's own palettes shift both."""
    pixels = list(picture.get_flattened_data())
    palette = [colour for colour, _count in Counter(pixels).most_common(256)]
    nearest = {
        colour: min(range(len(palette)), key=lambda each: _apart(palette[each], colour))
        for colour in set(pixels)
    }
    made = Image.frombytes("P", picture.size, bytes(nearest[colour] for colour in pixels))
    made.putpalette([part for colour in palette for part in colour])
    return made


def _apart(one: tuple[int, int, int], other: tuple[int, int, int]) -> int:
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))


if __name__ == "__main__":
    sys.exit(main())
