"""Words that the old database's rows are made of: people, prayers and places of several cultures."""

from __future__ import annotations

FIRST_NAMES = [
    "Adaeze", "Babatunde", "Chidi", "Folasade", "Ngozi", "Olúwaṣeun", "Yetunde", "Zainab", "Kwame", "Akosua",
    "Ama", "Kofi", "Wanjikũ", "Otieno", "Thandiwe", "Sipho", "Amélie", "José", "María", "João", "Zoë",
    "Björn", "Søren", "Łukasz", "Agnieszka", "Jürgen", "Siobhán", "Grace", "Samuel", "Esther", "Daniel",
    "Ruth", "Miriam", "明", "美咲", "지훈", "Nguyễn", "Ananya", "Arjun", "Леонид", "Ірина", "مريم", "יוסף",
]  # fmt: skip
LAST_NAMES = [
    "Adébáyò", "Okonkwo", "Eze", "Ibrahim", "Ọláwálé", "Mensah", "Boateng", "Asante", "Kamau", "Odhiambo",
    "Nkosi", "Dlamini", "O'Brien", "D'Souza", "Müller", "Gößmann", "García Márquez", "da Silva",
    "Smith-Jones", "Johnson", "Williams", "Nowak", "Kowalczyk", "Øster", "Åkesson", "山田",
    "김", "Trần", "Iyer", "Шевченко", "حداد", "van der Berg",
]  # fmt: skip
CHURCHES = [
    "Covenant Chapel", "Grace Assembly", "Living Waters", "St. Mary's", "Église de la Grâce", "Hope Centre",
    "Mount Zion", "Bethel", "Holy Trinity", "Iglesia Nueva Vida", "Emmanuel House", "City Light",
]  # fmt: skip
PLACES = [
    "12 Allen Avenue, Ikeja", "4 Awolowo Road, Ibadan", "7 Oxford St, Accra", "Main Hall",
    "Room 3 “Upper room”", "Chapel\nNorth wing", "Online", "18 Rue de l'Église", "Moi Avenue, Nairobi",
]  # fmt: skip
PRAYERS = [
    "Please pray for my mother's surgery on Thursday.",
    "Thanksgiving: our daughter passed her exams! 🎉",
    "For peace in our family.\n\nWe have not spoken since Easter.",
    "Emi mímọ́, wá: a fẹ́ ìwòsàn.",
    "He said \"it will pass\" -- and I don't know; pray.",
    "Oren por mi hermano, que busca trabajo desde hace un año.",
    "Safe travel to Jos\tand back.",
    "Guidance for the youth retreat; 50% of the places are still open \\ unpaid.",
]  # fmt: skip
NOTES = [
    "Called, no answer.", "Visited at home; prayed together.",
    "Asks for a call after 6 pm.\nPrefers WhatsApp.",
    "Moved to Abuja — hand over to the branch there.", "Wife's name is Ọmọlará.",
    "", "Needs transport on Sunday (2 persons).",
]  # fmt: skip
EVENTS = [
    "Sunday service", "Midweek prayer", "Youth night", "Choir rehearsal", "Bible study: Romans",
    "Couples' dinner", "Vigil", "Food bank", "Baptism class", "Harvest thanksgiving",
]  # fmt: skip
SERMONS = [
    "The prodigal's father", "Salt & light", "Walking on water?", "Psalm 23, slowly", "What Martha knew",
    "Grace — again", "“Fear not”", "A stranger on the road",
]  # fmt: skip
MINISTRIES = ["Ushers", "Choir", "Media", "Children", "Welfare", "Prayer", "Youth", "Protocol"]
SKILLS = ["Lead", "Assistant", "Driver", "Singer", "Camera", "Teacher", "Greeter"]
THINGS = ["Projector", "Microphone", "Folding chairs", "Keyboard", "Coffee urn", "Van", "Speaker", "Table"]
CITIES = ["Lagos", "Ibadan", "Abuja", "Accra", "Nairobi", "Ọ̀yọ́", "London"]
STATES = ["Lagos", "Oyo", "FCT", "Greater Accra", "Nairobi"]
CAMPUSES = ["Main Campus", "North Campus", "Online"]
STAGES = ["Guests", "Regular Attenders", "Members", "Serving"]
METHODS = ["paystack", "fincra", "stripe", "flutterwave"]
FAILURES = ["Card declined", "The provider did not answer", "Insufficient funds; try again — später"]
#: service, provider, name on the page
INTEGRATIONS = [
    *[("payments", name, name.capitalize()) for name in METHODS],
    ("email", "smtp", "Mail server"),
    ("email", "mailgun", "Mailgun"),
]

EVENT_TEXTS = [
    "All are welcome.",
    "Bring a friend — and a dish.\n\nDoors open 30' before.",
    "Línea 2: ¿vienes?",
]

#: json as an old application leaves it: nested, key order at random, a key twice, blanks, unicode
PAYMENT = [
    '{"channel": "card", "card": {"last4": "4081", "exp": {"m": 4, "y": 2027}}, "fees": 150.50}',
    '{"fees":0,"channel":"bank","bank":{"name":"Zenith","code":"057"},"retries":[1,2,3]}',
    '{"channel": "ussd", "channel": "ussd", "note": "ré-essai \\u00e9", "ok": true}',
    '{  "card": {"brand": "mastercard", "last4": "0002"}, "channel": "card", "meta": null }',
    "{}",
]
PREFERENCES = [
    '{"email": true, "sms": false, "digest": {"day": "sun", "hour": 7}}',
    '{"sms":true,"email":true}',
    '{"push": {"prayer": true, "events": [ "youth", "choir" ]}, "email": false}',
    "{}",
]
MILESTONES = [
    '{"baptism": "2015-04-05", "classes": ["foundation", "membership"]}',
    '{"classes":[],"dedication":{"year":2009,"by":"Pst. Adé"}}',
    "{}",
]
TAGS = ['["health", "family"]', '["thanksgiving"]', "[]", '[ "work","travel" ]']
SEGMENTS = [
    '[{"title": "Worship", "leader": "A. Mensah", "duration": "30", "notes": ""},'
    ' {"title": "Word", "leader": "", "duration": "45 min", "notes": "projector"}]',
    "[]",
    '[{"title":"Open mic","leader":"","duration":"","notes":""}]',
]
DETAILS = [
    '{"mood": "ok", "next": {"in": 14, "unit": "days"}}',
    "{}",
    '{"via":"phone"}',
    '{"n": 1.10, "n2": 1e3}',
]
