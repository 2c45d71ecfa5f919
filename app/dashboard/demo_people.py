"""Who buys in the demo and what there is: invented, all of it."""

from __future__ import annotations

from dataclasses import dataclass

from app.sources.facts import Money, Person, Place, Product


@dataclass(frozen=True)
class Ware:
    product: Product
    price: Money
    colour: str
    text: str


@dataclass(frozen=True)
class Customer:
    person: Person
    place: Place


PRODUCTS = (
    Ware(Product("First Flush Darjeeling"), Money(1490, "EUR"), "leaf", "Light, floral, spring."),
    Ware(Product("Smoked Lapsang"), Money(1290, "EUR"), "ember", "Pinewood smoke, deep amber."),
    Ware(Product("Gyokuro"), Money(2990, "EUR"), "jade", "Shaded green, sweet and soft."),
    Ware(Product("Cast-iron pot"), Money(6900, "EUR"), "iron", "Keeps warm for an hour."),
)
_NAMES = [
    "Ada",
    "Ben",
    "Clara",
    "David",
    "Elif",
    "Femi",
    "Greta",
    "Hugo",
    "Ines",
    "Jonas",
    "Kim",
    "Lena",
    "Milan",
    "Nora",
    "Oskar",
    "Paula",
]
_PLACES = (
    Place("Lyon", "Auvergne-Rhône-Alpes", "FR"),
    Place("Hamburg", "Hamburg", "DE"),
    Place("Porto", "Porto", "PT"),
)
CUSTOMERS = tuple(
    Customer(Person(name, "Demo", f"{name.lower()}@customers.example"), place)
    for name in _NAMES
    for place in _PLACES
)

WORKSHOPS = ("Gong Fu für Anfänger", "Matcha schlagen", "Teereise Darjeeling")
