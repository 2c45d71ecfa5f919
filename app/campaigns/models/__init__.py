from app.campaigns.models.campaign import (
    Campaign,
    CampaignChanged,
    CampaignDeleted,
    CampaignDrafted,
    CampaignPaused,
    CampaignPublished,
    CampaignScheduled,
    PublicationChanged,
)
from app.campaigns.models.image import Image

__all__ = [
    "Campaign",
    "CampaignChanged",
    "CampaignDeleted",
    "CampaignDrafted",
    "CampaignPaused",
    "CampaignPublished",
    "CampaignScheduled",
    "Image",
    "PublicationChanged",
]
