"""Every periodic job, in one list: what runs, and how many seconds lie between two runs.

Names rather than functions, so that the cron process stays small.
"""

PERIODIC = {
    "app.campaigns.jobs.publish_due": 5,
    "app.sources.jobs.sweep_deliveries": 15,
    "app.sources.jobs.sweep_replays": 60,
    "app.chat.jobs.sweep_conversations": 15,
    "app.analytics.rollups.roll_up_due": 5,
    "app.analytics.report_mails.send_due_reports": 5,
    "app.analytics.alerting.check_alerts": 5,
    "app.analytics.forgetting.forget_raw_due": 5,
    "app.analytics.archives.sweep_files": 3600,
    "app.proof.jobs.sweep_imports": 60,
    "app.proof.jobs.forget_uploads": 3600,
    "app.core.mail.sweep_mail": 30,
    "app.webhooks.jobs.sweep_due": 5,
    "app.webhooks.jobs.forget_old_payloads": 3600,
    "app.webhooks.recorded.tell_recorded": 10,
    "app.webhooks.recorded.tell_late": 60,
    "app.webhooks.recorded.forget_told": 3600,
    "app.accounts.models.sign_in.forget_sign_ins": 3600,
    "app.accounts.models.mailed.forget_mailed": 3600,
    "app.accounts.jobs.delete_organizations": 3600,
    "app.core.api.forget_answers": 3600,
    "app.sources.jobs.forget_old_bodies": 3600,
    "app.tracking.models.forget_salts": 3600,
    "app.tracking.models.forget_visitors": 3600,
    "app.tracking.models.forget_drops": 3600,
    "app.tracking.models.forget_quarantined": 3600,
    "app.tracking.months.keep_months": 3600,
}
