// Builds static/widget from src, or with --check compares a fresh build with the committed files.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { parse } from "acorn";
import { build, transform } from "esbuild";
import { minify } from "terser";

// Bytes, gzipped: what a page loads before any interaction, without a chat and with its launcher; what opens with a
// click on that; and all that there is.
const BUDGET = 8000;
const LAUNCHED = 8192;
const PANEL = 8000;
const WHOLE = 20000;
const HERE = dirname(fileURLToPath(import.meta.url));
const OUT = join(HERE, "../static/widget");
const PLACEHOLDER = '"__CANDOR_CONFIG__"';
const FLOOR = ["safari16.4", "chrome99", "firefox101"];

// Names that only our own objects use; anything the server, the page or the browser reads must not be here.
const INTERNAL = /^(again|agreed|arrange|blamed|card|chosen|decorate|depth|detach|dialog|draw|emit|end|exited|frames|draft|draining|extra|failed|failures|filling|first|forget|frame|give|gone|happened|heard|guest|item|isOpen|kept|launcher|leave|life|list|listeners|live|loaded|meta|node|opened|outbox|passed|picker|pool|rated|settle|speak|timer|typist|record|region|rejoin|restart|review|rich|room|say|setup|shut|sign|slots|slowest|start|taken|switched|tally|token|tools|tracked)$/;

const TYPICAL = {
  site: "st_3f9c1b7a52d84e0c9a6d",
  host: "https://candor.example.com",
  core: "https://candor.example.com/static/widget/core.0123456789.js",
  revision: 7,
  locale: "en",
  mode: "anonymous",
  icons: { star: "M12 4l2 6h6l-5 4 2 6-5-4-5 4 2-6-5-4h6z" },
  campaigns: [
    { id: "0197a3f2-5c1e-7d40-9b1a-2f6c8e4d7a10", format: "recent_activity", renderer: "bubble", position: "bottom-left", theme: "auto",
      accent: "#2563eb", duration: 6, gap: 12, closable: true, triggers: { delay: 3 }, rules: { exclude: ["/checkout*"] } },
    { id: "0197a3f2-8b77-7c02-8e55-91d03b6fa2c4", format: "notice", renderer: "bar", position: "top", theme: "light", accent: "#0f766e",
      duration: 0, gap: 0, closable: true, tone: "info", message: "Free shipping on every order this week.",
      link: { url: "https://shop.example.com/shipping", label: "How it works" } },
    { id: "0197a3f2-a1d0-7e6b-b0c4-5d7f2e9a6b31", format: "rating_summary", renderer: "bubble", position: "bottom-right", theme: "auto",
      accent: "#2563eb", more: true, icon: "star", corners: "round", duration: 8, gap: 12, closable: true, triggers: { scroll: 40 } },
    { id: "0197a3f2-c93e-7f15-8a27-e4b60c1d8f52", format: "coupon", renderer: "modal", position: "center", theme: "auto", accent: "#2563eb",
      duration: 0, gap: 0, closable: true, title: "Before you go", message: "Ten percent off your first order.", coupon: "WELCOME10",
      more: true, triggers: { exit: true }, frequency: { day: 1 }, rules: { include: ["/cart"] } },
  ],
};

const CHATTING = { ...TYPICAL, chat: { position: "bottom-right", accent: "#2563eb", titles: { en: "Chat with us" } } };

// Style sheets travel as text inside the script, so they are minified on their own.
const stylesheets = {
  name: "stylesheets",
  setup(bundle) {
    bundle.onLoad({ filter: /\.css$/ }, async ({ path }) => {
      const source = readFileSync(path, "utf8");
      const { code } = await transform(source, { loader: "css", minify: true, target: FLOOR });
      return { contents: code.trim(), loader: "text" };
    });
  },
};

async function makeLoader() {
  const source = readFileSync(join(HERE, "src/loader.js"), "utf8");
  const { code } = await minify(source, { ecma: 5, compress: { passes: 2, if_return: false, conditionals: false } });
  const text = code.replace(/;$/, "");
  parse(text, { ecmaVersion: 5 });
  if (text.split(PLACEHOLDER).length != 2) fail(`loader.js must hold ${PLACEHOLDER} exactly once`);
  return text;
}

// The core and its chunk call the same thing by the same short name.
const mangled = {};

async function bundle(entry, format, define) {
  const result = await build({
    entryPoints: [join(HERE, "src", entry)],
    bundle: true,
    minifySyntax: true,
    write: false,
    format,
    mangleProps: INTERNAL,
    mangleCache: mangled,
    define,
    target: FLOOR,
    legalComments: "none",
    charset: "utf8",
    plugins: [stylesheets],
  });
  Object.assign(mangled, result.mangleCache);
  return result.outputFiles[0].text;
}

const shrink = async (text, options) =>
  (await minify(text, { ecma: 2020, toplevel: true, compress: { passes: 2, lhs_constants: false, inline: 3, hoist_funs: true, pure_getters: true, unsafe_arrows: true, sequences: false }, ...options })).code;

async function makeScript(entry, define) {
  const text = await bundle(entry, "iife", define);
  return shrink(`try{${text}}catch{}`);
}

/** Only a site with a chat loads what draws its launcher. */
const makeCore = (rich, chat) => makeScript("index.js", { PREVIEW: "false", CHAT: `${chat}`, RICH: JSON.stringify(rich) });

/** Only what draws, in one file. */
const makePreview = () => makeScript("preview.js", { PREVIEW: "true", CHAT: "false", RICH: '""', PANEL: '""', OUTSIDE: '""' });

const makeChunk = async (entry, define) => shrink(await bundle(entry, "esm", { PREVIEW: "false", ...define }), { module: true });

const makeRich = (panel, outside) => makeChunk("rich/index.js", { PANEL: JSON.stringify(panel), OUTSIDE: JSON.stringify(outside) });

async function makeFiles() {
  const loader = await makeLoader();
  // The core gives the short names, since its bytes are the dearest.
  await makeCore("", true);
  const chat = await makeChunk("chat/index.js");
  const outside = await makeChunk("chat/outside.js");
  const rich = await makeRich(named("chat", chat), named("outside", outside));
  const preview = await makePreview();
  const chunk = named("rich", rich);
  const core = await makeCore(chunk, false);
  const launching = await makeCore(chunk, true);
  const names = {
    chat: named("chat", chat),
    core: named("core", core),
    "core-chat": named("core-chat", launching),
    loader: "loader.js",
    outside: named("outside", outside),
    preview: named("preview", preview),
    rich: chunk,
  };
  const texts = { chat, core, "core-chat": launching, loader, outside, preview, rich };
  const files = { "manifest.json": JSON.stringify(names, null, 2) + "\n" };
  for (const [name, text] of Object.entries(texts)) files[names[name]] = text;
  return { sizes: measure(texts), files };
}

const named = (name, text) => `${name}.${createHash("sha256").update(text).digest("hex").slice(0, 10)}.js`;

function measure({ loader, core, rich, chat, outside, ...texts }) {
  const size = (text) => gzipSync(text, { level: 9 }).length;
  const filled = (config) => size(loader.replace(PLACEHOLDER, () => JSON.stringify(config)));
  const launching = size(texts["core-chat"]);
  const launched = filled(CHATTING) + launching;
  const sizes = { loader: size(loader), filled: filled(TYPICAL), core: size(core), rich: size(rich), chat: size(chat), outside: size(outside) };
  return { ...sizes, first: sizes.filled + sizes.core, launching, launched, all: launched + sizes.rich + sizes.chat };
}

const stale = (files) => (existsSync(OUT) ? readdirSync(OUT) : []).filter((name) => /^(chat|core|core-chat|outside|preview|rich)\..*\.js$/.test(name) && !files[name]);

function save(files) {
  mkdirSync(OUT, { recursive: true });
  for (const name of stale(files)) rmSync(join(OUT, name));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(OUT, name), text);
}

function compare(files) {
  for (const [name, text] of Object.entries(files)) {
    const path = join(OUT, name);
    if (!existsSync(path)) fail(`static/widget/${name} is missing: run "npm run build" in ${relative(process.cwd(), HERE) || "."}`);
    if (!readFileSync(path).equals(Buffer.from(text))) fail(`static/widget/${name} differs from what src builds: run "npm run build"`);
  }
  for (const name of stale(files)) fail(`static/widget/${name} is stale: run "npm run build"`);
}

function fail(message) {
  console.error(`widget: ${message}`);
  process.exit(1);
}

const { files, sizes } = await makeFiles();
console.log(
  `before any interaction: loader ${sizes.loader} B (${sizes.filled} B with a typical configuration) + core ${sizes.core} B` +
    ` = ${sizes.first} of ${BUDGET} B gzipped`,
);
console.log(`with the launcher of a chat: core ${sizes.launching} B, together ${sizes.launched} of ${LAUNCHED} B gzipped`);
console.log(`the chat: ${sizes.chat} of ${PANEL} B gzipped, or ${sizes.outside} B where it is an outside one`);
console.log(`everything: with rich ${sizes.rich} B and the chat = ${sizes.all} of ${WHOLE} B gzipped`);
if (process.argv.includes("--check")) compare(files);
else save(files);
const over = (size, budget, what) => size > budget && fail(`${size - budget} B over the budget of ${budget} B ${what}`);
over(sizes.first, BUDGET, "before any interaction");
over(sizes.launched, LAUNCHED, "with a launcher");
over(sizes.chat, PANEL, "for the chat");
over(sizes.all, WHOLE, "for everything");
