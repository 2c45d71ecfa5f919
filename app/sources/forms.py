from __future__ import annotations

import json
from typing import Any

from wtforms import RadioField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, Optional, ValidationError

from app.core import strict_json
from app.core.forms import CountField, Form, LineField, printable
from app.sites.forms import SiteField
from app.sources.kinds import KINDS
from app.sources.mapping import MappingError, validate

KIND_TEXTS = {
    "shopify": "Orders and refunds of a Shopify shop",
    "woocommerce": "Orders and refunds of a WordPress shop",
    "stripe": "Completed checkouts and their refunds",
    "custom": "Anything that can sign a webhook",
}


class SourceForm(Form):
    site_id = SiteField("Site")
    kind = RadioField(
        "Kind",
        choices=[
            SelectChoice(name, (kind.label, KIND_TEXTS[name])) for name, kind in KINDS.items()
        ],
        validators=[InputRequired("Choose a kind.")],
    )
    name = LineField("Name", [InputRequired("Give the source a name."), Length(max=120)])
    secret = LineField(
        "Signing secret",
        [Optional(), Length(min=8, max=200)],
        description="From the shop's webhook settings. Left empty, Candor makes one.",
    )


class SecretForm(Form):
    secret = LineField(
        "Signing secret",
        [InputRequired("Paste the secret."), Length(min=8, max=200)],
    )


class ReplayForm(Form):
    """How many were counted when somebody was asked whether to replay them."""

    total = CountField("How many", [InputRequired("Confirm how many.")])


class MappingForm(Form):
    mapping = TextAreaField("Mapping", [Optional(), Length(max=30_000), printable])
    # What was checked; None for an empty one, which Optional keeps from its validator.
    checked: dict[str, str] | None = None

    def validate_mapping(self, field: Any) -> None:
        try:
            self.checked = validate(strict_json.loads(field.data)) if field.data else None
        except strict_json.BadJSON as error:
            raise ValidationError(f"This is {error}.") from error
        except MappingError as error:
            raise ValidationError(str(error)) from error


def as_text(mapping: dict[str, Any] | None) -> str:
    return json.dumps(mapping, indent=2, ensure_ascii=False) if mapping else ""
