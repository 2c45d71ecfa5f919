"""The kinds of sources, by name. A new kind is a copy of a sibling and one line here."""

from app.sources.kinds.base import Kind
from app.sources.kinds.custom import Custom
from app.sources.kinds.shopify import Shopify
from app.sources.kinds.stripe import Stripe
from app.sources.kinds.woocommerce import WooCommerce

KINDS: dict[str, Kind] = {
    kind.name: kind for kind in (Shopify(), WooCommerce(), Stripe(), Custom())
}
