"""What the new API asks the database for each of its key reads, column by column as Prisma names them."""

from __future__ import annotations

DONATIONS = """
SELECT id, user_id, member_id, church_id, donor_name, amount, currency, status, provider, reference,
       payment_info AS metadata, created_at, updated_at
FROM donations ORDER BY created_at DESC, id DESC LIMIT 50
"""
EVENTS = """
SELECT id, church_id, department_id, title, location, starts_at, ends_at, timezone, segments,
       created_at, updated_at
FROM events ORDER BY starts_at DESC, id DESC LIMIT 50
"""
PRAYER = """
SELECT p.id, p.name, p.request AS content, p.is_public, p.is_answered, p.tags, p.created_at,
       u.id AS user_id, u.first_name, u.last_name, u.avatar_url
FROM prayer_requests p LEFT JOIN users u ON u.id = p.user_id
WHERE p.is_public ORDER BY p.created_at DESC, p.id DESC LIMIT 50
"""
CHURCHES = """
SELECT id, name, address, timezone, country, state, city, settings, created_at, updated_at
FROM churches ORDER BY name, id
"""
SETTINGS = "SELECT business_name, contact_email, theme, social_links FROM settings ORDER BY id LIMIT 1"
SERMONS = (
    "SELECT id, title, preacher, preached_at, media_url FROM sermons ORDER BY preached_at DESC, id LIMIT 6"
)
GALLERY = "SELECT id, title, image_url, album FROM gallery WHERE is_featured ORDER BY id DESC LIMIT 12"
TOTALS = """
SELECT currency, status, count(*) AS gifts, sum(amount) AS total, count(DISTINCT member_id) AS givers
FROM donations GROUP BY currency, status ORDER BY currency, status
"""
PEOPLE = "SELECT status, count(*) AS members FROM members GROUP BY status ORDER BY status"
UPCOMING = "SELECT timezone, count(*) AS events FROM events GROUP BY timezone ORDER BY timezone"
AUTOMATIONS = "SELECT id, name, trigger, trigger_filters, is_active, created_at FROM automations ORDER BY id"
STEPS = (
    "SELECT id, automation_id, action_type, position, delay_minutes, config FROM automation_steps ORDER BY id"
)

#: path → name of the answer's part → its question
READS = {
    "/donations": {"items": DONATIONS},
    "/events": {"items": EVENTS},
    "/prayer/requests": {"items": PRAYER},
    "/churches": {"items": CHURCHES},
    "/content/home": {"settings": SETTINGS, "sermons": SERMONS, "gallery": GALLERY},
    "/reports/dashboard": {"totals": TOTALS, "people": PEOPLE, "upcoming": UPCOMING},
    "/tasks": {"automations": AUTOMATIONS, "steps": STEPS},
}
