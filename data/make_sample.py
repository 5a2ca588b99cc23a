"""Write the sample source: nine invented workspaces, five months, every kind of invoice line.

    python data/make_sample.py [FOLDER]        default: the folder `sample` beside this script

Each workspace is a *character*: a function whose docstring says who they are, and whose body tells, day by day, what happens to
them. From that one telling come the subscriptions, the roster of every day, the activity, and the guide `README.md`. The rule
numbers in the telling are those of the billing rules.

The same bytes at every run: the only randomness, who logs in when, is seeded by the person. Nothing is ever deleted.
"""

import csv
import datetime as dt
import io
import random
import sys
from pathlib import Path

FIRST_DAY = dt.date(2026, 1, 1)  # the first roster, so the ledger's opening day (rule I9)
LAST_DAY = dt.date(2026, 5, 31)
DAYS = [FIRST_DAY + dt.timedelta(n) for n in range((LAST_DAY - FIRST_DAY).days + 1)]
MONTH_ENDS = [day for day in DAYS if (day + dt.timedelta(1)).day == 1]

COLUMNS = {
    "subscriptions": ["subscription_id", "workspace_id", "workspace_name", "catalog", "plan", "cadence", "billing_day", "starts_on", "trial_ends_on", "seats", "unit_price_month", "unit_price_year"],
    "users": ["workspace_id", "user_id", "kind", "role", "status", "login_enabled", "name", "email", "last_active_on"],
    "activity": ["event_id", "occurred_at", "workspace_id", "subscription_id", "event", "actor_id", "actor_role", "user_id", "quantity", "plan", "cadence", "until"],
    "usage": ["workspace_id", "metric", "value"],
}


# ------------------------------------------------------------------------------------------------------------- the characters


def acme_robotics():
    """Pensero growth from the opening day on: seats are committed, then added, released, given back and outgrown."""
    w = Workspace(
        "acme-robotics",
        'Acme "Rocket" Robotics, Inc.',
        catalog="pensero",
        plan="growth",
        cadence="annual",
        billing_day="anniversary",
        starts_on="2026-01-01",
        seats=7,
    )

    w.on(
        "2026-01-01",
        "7 seats committed for a year, 6 occupied: five people and Fritz, who never logs in and counts all the same "
        "(rule D3). The term begins on the opening day, so its opening charge is billed (rule I9).",
    )
    w.has("ada", "Ada Lindqvist", role="owner")
    w.has("ben", "Ben Okafor", role="admin")
    w.has("carmen", "Carmen Díaz")
    w.has("diego", "Diego Salvatierra")
    w.has("elif", "Elif Yılmaz")
    w.has("fritz", "Fritz Bauer", status="pending")
    w.has("farah", "Farah Haddad", kind="alias")
    w.has("hugo", "Hugo Brandt", kind="alias")

    w.on("2026-01-12", "Bram is added: 7 of 7 seats used, two days before his first login.")
    w.added("bram", "Bram de Vries", status="pending")
    w.on("2026-01-14", "Bram logs in; nothing moves.")
    w.accepted("bram")
    w.on("2026-01-20", "Gwen of finance is granted an alias, which takes no seat (rule D4).")
    w.alias_granted("gwen", "Gwen Castellanos")
    w.on("2026-01-26", "Chiara is one more than the committed seats, 8 of 7: reported every day, not billed (section 4).")
    w.added("chiara", "Chiara Rossi")
    w.on("2026-02-09", "Ada raises the seats to 10: `seats_added`, +3.")
    w.seats_updated(10, by="ada")
    w.on("2026-02-16", "Gwen's login is switched off: a broken alias, reported (rule D5).")
    w.login_off("gwen")
    w.on("2026-03-04", "Diego leaves and releases a committed seat: `seats_removed`, −1; 9 committed, 7 occupied.")
    w.deactivated("diego")
    w.on("2026-03-18", "Ben, an admin, lowers the seats to 8: `seats_reduced`, −1.")
    w.seats_updated(8, by="ben")
    w.on("2026-03-25", "Diego's account is deleted: name and address are gone from this day's roster on, his seat days stay (rule I8).")
    w.deleted("diego")
    w.on("2026-04-02", "Hugo is deactivated: the other way to break an alias (rule D5).")
    w.deactivated("hugo")
    w.on("2026-04-07", "Ada asks for 5 seats while 7 are occupied: refused (section 4).")
    w.seats_updated(5, by="ada")
    w.on(
        "2026-04-28",
        "Ada raises the seats to 9, but the event is delivered on 4 May only. It counts for 28 April: a run on time bills it "
        "on 1 June, a later run on 1 May (rules I3, I4).",
    )
    w.seats_updated(9, by="ada", delivered_on="2026-05-04")
    w.on("2026-04-30", "Emi is added.")
    w.added("emi", "Emi Tanaka")
    w.on("2026-05-06", "Finn is added: 9 of 9.")
    w.added("finn", "Finn Mac Aodha")
    w.on("2026-05-20", "Gita is added: 10 of 9, and still so at the end of the sample.")
    w.added("gita", "Gita Raman", status="pending")
    return w


def polaris_observatory():
    """The big one, Pensero enterprise at an agreed 540.00 a seat-year: everyone added is billed from the day they are added."""
    w = Workspace(
        "polaris-observatory",
        "Polaris Observatory",
        catalog="pensero",
        plan="enterprise",
        cadence="annual",
        billing_day="anniversary",
        starts_on="2026-01-19",
        unit_price_year="540.00",
    )

    w.on(
        "2026-01-19",
        "19 people sign up at the agreed price; three have yet to log in and are billed too (rule D3). The director's alias is not.",
    )
    w.added("ingrid", "Ingrid Sørensen", role="owner")
    w.added("leila", "Leila Farahani", role="admin")
    for handle, name in [
        ("jonas", "Jonas Weber"),
        ("kasimir", "Kasimir Dąbrowski"),
        ("mateo", "Mateo Quispe"),
        ("nadia", "Nadia Petrova"),
        ("olu", "Olu Adeyemi"),
        ("petra", "Petra Nováková"),
        ("quentin", "Quentin Marsh"),
        ("rosa", "Rosa Ibáñez"),
        ("stellan", "Stellan Öberg"),
        ("thandi", "Thandi Mokoena"),
        ("ulrike", "Ulrike Jäger"),
        ("vera", "Vera Lindholm"),
        ("wanjiru", "Wanjiru Kamau"),
        ("xiomara", "Xiomara Reyes"),
    ]:
        w.added(handle, name)
    w.added("yusuf", "Yusuf Demir", status="pending")
    w.added("zofia", "Zofia Wójcik", status="pending")
    w.added("anneke", "Anneke Visser", status="pending")
    w.alias_granted("aurora", "Aurora Delacroix")

    w.on("2026-01-21", "Yusuf and Zofia log in; nothing moves. Anneke never does: an idle seat.")
    w.accepted("yusuf")
    w.accepted("zofia")
    w.on("2026-02-04", "Bao and Celeste are added: `seats_added`, +2, from this day and not from their first login.")
    w.added("bao", "Bảo Nguyễn", status="pending")
    w.added("celeste", "Céleste Moreau", status="pending")
    w.on("2026-02-10", "Bao and Celeste log in.")
    w.accepted("bao")
    w.accepted("celeste")
    w.on("2026-03-09", "Inês is added: `seats_added`, +1.")
    w.added("ines", "Inês Carvalho", status="pending")
    w.on("2026-03-16", "Jonas goes on leave and is deactivated: `seats_removed`, −1.")
    w.deactivated("jonas")
    w.on("2026-03-23", "Inês never came; the invite is revoked: `seats_removed`, −1. Her fourteen days are charged.")
    w.revoked("ines")
    w.on("2026-04-09", "Kasimir is no longer on the roster and no event says why: his seat ends, and it is reported (rule G5).")
    w.vanishes("kasimir")
    w.on("2026-04-13", "Jonas is back. Pensero charges a reactivated teammate like a new seat: `seats_added`, +1 (rule D6).")
    w.reactivated("jonas")
    w.on("2026-05-05", "Dario, Eilidh and Fumiko are added: `seats_added`, +3 in one line.")
    w.added("dario", "Dario Conti")
    w.added("eilidh", "Eilidh MacLeod")
    w.added("fumiko", "Fumiko Sato", status="pending")
    return w


def tea_and_tests():
    """Pensero starter, free for years; the sixth person makes them buy growth."""
    w = Workspace(
        "tea-and-tests",
        "Tea & Tests",
        catalog="pensero",
        plan="starter",
        cadence="annual",
        billing_day="anniversary",
        starts_on="2024-09-02",
    )

    w.on("2026-01-01", "Three people on the free plan: no term, no invoice (rule T1).")
    w.has("maeve", "Maeve Ní Bhriain", role="owner")
    w.has("noel", "Noel Thackeray")
    w.has("oona", "Oona Virtanen")
    w.on("2026-02-11", "Percy is added.")
    w.added("percy", "Percy Achebe")
    w.on("2026-04-01", "Quilla is added: 5 of the starter plan's 5 seats.")
    w.added("quilla", "Quilla Mamani")
    w.on("2026-05-04", "Maeve moves to growth with 6 seats, annual: the activation day, `opening` of 6 (rule T6).")
    w.plan_changed("growth", by="maeve", quantity=6, cadence="annual")
    w.on("2026-05-11", "Rhiannon is added: 6 of 6, nothing to bill.")
    w.added("rhiannon", "Rhiannon Pryce")
    return w


def lumen_studio():
    """A Pivotal trial, extended in time; then team, pro, and after a bad spring the free plan."""
    w = Workspace(
        "lumen-studio",
        "Lumen Studio",
        catalog="pivotal",
        plan="team",
        cadence="monthly",
        billing_day="first",
        starts_on="2026-01-20",
        trial_ends_on="2026-02-03",
    )

    w.on("2026-01-20", "The 14-day trial begins, to end on 3 February. Days on a trial cost nothing (rule T9).")
    w.added("lucia", "Lucía Fernández", role="owner")
    w.invited("marek", "Marek Nowak")
    w.invited("noor", "Noor Rahman")
    w.invited("ola", "Ola Bergström")
    w.on("2026-01-21", "Marek, Noor and Ola accept.")
    w.accepted("marek")
    w.accepted("noor")
    w.accepted("ola")
    w.on("2026-01-30", "Pivotal extends the trial to 17 February, before its end: granted (rule T9).")
    w.trial_extended("2026-02-17")
    w.on("2026-02-17", "Activated with 4 seats. Billing day is the first: a stub of 12 of February's 28 days (rule T3).")
    w.on("2026-03-03", "Priya is invited; a pending invite costs nothing (rule D3).")
    w.invited("priya", "Priya Nair")
    w.on("2026-03-05", "Noor is deactivated: `seats_removed`, −1 at the team price.")
    w.deactivated("noor")
    w.on("2026-03-09", "Priya accepts: `seats_added`, +1 at the team price.")
    w.accepted("priya")
    w.on("2026-03-12", "Lucía switches to pro inside the term: `plan_switch`, −4 at the old price and +4 at the new.")
    w.plan_changed("pro", by="lucia")
    w.on(
        "2026-03-20",
        "Noor is reactivated and back-billed from 5 March: `reactivated` in two parts, cut at the switch, each at its own "
        "plan's price (rule D6, section 4).",
    )
    w.reactivated("noor")
    w.on("2026-04-14", "Marek leaves.")
    w.deactivated("marek")
    w.on("2026-04-24", "Ola and Priya leave.")
    w.deactivated("ola")
    w.deactivated("priya")
    w.on("2026-05-06", "Noor leaves.")
    w.deactivated("noor")
    w.on(
        "2026-05-18",
        "Lucía moves to solo: `plan_switch` to price 0, a closing invoice on this day, and credit that nothing consumes (rules T7, I5).",
    )
    w.plan_changed("solo", by="lucia")
    w.usage("2026-01-31", customers=3, integrations=1)
    w.usage("2026-02-28", customers=9, integrations=2)
    w.usage("2026-03-31", customers=14, integrations=3, sso=1)
    w.usage("2026-04-30", customers=8, integrations=3, sso=1)
    w.usage("2026-05-31", customers=4)
    return w


def harbor_lights():
    """Pivotal team, monthly on the first: teammates who go and come back, invites, customers in the portal."""
    w = Workspace(
        "harbor-lights", "Harbor Lights", catalog="pivotal", plan="team", cadence="monthly", billing_day="first", starts_on="2026-01-01"
    )

    w.on(
        "2026-01-01",
        "Six teammates and two portal users, who never count (rule D4). Yara holds a seat without having logged in since "
        "November: an idle seat.",
    )
    w.has("sofie", "Sofie Hansen", role="owner")
    w.has("wren", "Wren Abernathy", role="admin")
    w.has("tomas", "Tomás Herrera")
    w.has("uma", "Uma Krishnan")
    w.has("viktor", "Viktor Szabó")
    w.has("yara", "Yara Mansour", last_login="2025-11-14", logs_in=False)
    w.has("bella", "Bella Fontaine", kind="portal")
    w.has("cosmo", "Cosmo Baptiste", kind="portal")
    w.on("2026-01-13", "Ren is invited; pending, so not billed.")
    w.invited("ren", "Ren Watanabe")
    w.on("2026-01-29", "Ren accepts: `seats_added`, +1 for the month's last 3 days.")
    w.accepted("ren")
    w.on("2026-02-18", "A third customer joins the portal: no seat.")
    w.added("dora", "Dora Papadaki", kind="portal")
    w.on("2026-02-20", "Viktor is deleted while active: `seats_removed`, −1, and his name is gone (rule I8).")
    w.deleted("viktor")
    w.on("2026-03-05", "Tomás is deactivated, at half past midnight where Sofie is and still the 5th in UTC: `seats_removed`, −1.")
    w.deactivated("tomas", at="2026-03-06T00:30:00+01:00")
    w.on("2026-03-24", "Uma is deactivated: `seats_removed`, −1.")
    w.deactivated("uma")
    w.on("2026-03-26", "Tomás is reactivated and back-billed from 5 March, as if he had never left: `reactivated`, +1 (rule D6).")
    w.reactivated("tomas")
    w.on(
        "2026-04-15",
        "Uma is reactivated in a later term than she left: back-billed from that term's first day, 1 April, no further (rule D6).",
    )
    w.reactivated("uma")
    w.on("2026-04-20", "Stig is invited.")
    w.invited("stig", "Stig Halvorsen")
    w.on("2026-04-27", "Stig's invite is revoked; it never cost anything.")
    w.revoked("stig")
    w.on(
        "2026-05-13",
        "Astrid is invited and accepts: `seats_added`, +1, for the invoice of 1 June, after the sample.",
    )
    w.invited("astrid", "Astrid Holm")
    w.accepted("astrid")
    w.note("At the end of March they use `sso`, which team does not include: reported.")
    w.usage("2026-01-31", customers=21, integrations=4, api=1180)
    w.usage("2026-02-28", customers=24, integrations=4, api=1425)
    w.usage("2026-03-31", customers=26, integrations=5, api=1390, sso=1)
    w.usage("2026-04-30", customers=27, integrations=5, api=1502)
    w.usage("2026-05-31", customers=31, integrations=5, api=1604)
    return w


def cafe_zuerich():
    """Pivotal team since June 2025, so taken over inside a term; monthly on the 10th, then annual."""
    w = Workspace(
        "cafe-zuerich",
        "Café Zürich, Müller & Söhne",
        catalog="pivotal",
        plan="team",
        cadence="monthly",
        billing_day="anniversary",
        starts_on="2025-06-10",
    )

    w.on("2026-01-01", "Five teammates inside the term 10 December to 10 January: billed elsewhere, no line for it (rule I9).")
    w.has("annelise", "Annelise Müller", role="owner")
    w.has("beat", "Beat Zürcher")
    w.has("francois", "François Lefèvre")
    w.has("odell", "Odell Brown, Jr.")
    w.has("shiv", 'Siobhán "Shiv" O\'Neill')
    w.has("ursli", "Ursli Caduff", status="deactivated", last_login="2025-10-30")
    w.has("kira", "Kira Lehmann", kind="portal")
    w.on("2026-01-02", "Luca is invited.")
    w.invited("luca", "Luca Bernasconi")
    w.on("2026-01-06", "Luca accepts: the first change after the opening day, `seats_added`, +1 for the old term's last 4 days (rule I9).")
    w.accepted("luca", at="2026-01-06T09:12:00+01:00")
    w.on("2026-03-02", "Odell leaves: `seats_removed`, −1 for 8 of 28 days.")
    w.deactivated("odell", at="2026-03-02T17:45:00+01:00")
    w.on("2026-03-19", "Annelise, the owner, wants the annual cadence: from the next billing date, 10 April (rule T5).")
    w.cadence_changed("annual", by="annelise", at="2026-03-19T10:05:00+01:00")
    w.on("2026-04-10", "The annual term opens with 5 seats at the annual price.")
    w.on("2026-04-22", "Mirjam is invited.")
    w.invited("mirjam", "Mirjam Stäheli")
    w.on("2026-04-27", "Mirjam accepts: `seats_added`, +1 for 348 of 365 days, on the invoice of 10 May (rule I1).")
    w.accepted("mirjam")
    w.usage("2026-01-31", customers=40, integrations=2)
    w.usage("2026-02-28", customers=41, integrations=2)
    w.usage("2026-03-31", customers=41, integrations=2, webhooks=310)
    w.usage("2026-04-30", customers=44, integrations=2, webhooks=377)
    w.usage("2026-05-31", customers=46, integrations=3, webhooks=402)
    return w


def atelier_blanc():
    """Pivotal pro, annual and paid up front: three people leave early, and their credit pays for those who come."""
    w = Workspace(
        "atelier-blanc", "Atelier Blanc", catalog="pivotal", plan="pro", cadence="annual", billing_day="anniversary", starts_on="2026-01-08"
    )

    w.on("2026-01-08", "Eight seats for a year. Changes inside it land on the 8th of each month (rule I1).")
    w.added("blanche", "Blanche Aubert", role="owner")
    w.added("cyrille", "Cyrille N'Diaye", role="admin")
    w.added("delphine", "Delphine Garnier")
    w.added("etienne", "Étienne Roussel")
    w.added("fabienne", "Fabienne Coq")
    w.added("gaspard", "Gaspard Lemoine")
    w.added("heloise", "Héloïse Perrin")
    w.added("isidore", "Isidore Vasseur")
    w.added("nestor", "Nestor Quiroga", kind="portal")
    w.on(
        "2026-02-02",
        "Gaspard, Héloïse and Isidore leave: `seats_removed`, −3. The invoice of 8 February is due 0 and the rest is credit (rule I5).",
    )
    w.deactivated("gaspard")
    w.deactivated("heloise")
    w.deactivated("isidore")
    w.on("2026-03-13", "Joëlle is invited.")
    w.invited("joelle", "Joëlle Tremblay")
    w.on("2026-03-20", "Joëlle accepts: `seats_added`, +1, paid from the credit on 8 April.")
    w.accepted("joelle")
    w.on("2026-04-27", "Kévin and Lison are invited.")
    w.invited("kevin", "Kévin Marchand")
    w.invited("lison", "Lison Okoye")
    w.on("2026-04-28", "Kévin and Lison accept: `seats_added`, +2.")
    w.accepted("kevin")
    w.accepted("lison")
    w.on(
        "2026-05-04",
        "Margaux is invited and accepts within the day: `seats_added`, +1. On 8 May the last of the credit is used, and a little is due.",
    )
    w.invited("margaux", "Margaux Pelletier")
    w.accepted("margaux")
    w.usage("2026-01-31", customers=12, integrations=3, sso=1)
    w.usage("2026-02-28", customers=12, integrations=3, sso=1, audit_log=1)
    w.usage("2026-03-31", customers=15, integrations=3, sso=1, audit_log=1)
    w.usage("2026-04-30", customers=15, integrations=4, sso=1, audit_log=1, custom_domain=1)
    w.usage("2026-05-31", customers=18, integrations=4, sso=1, audit_log=1, custom_domain=1)
    return w


def hedgehog_press():
    """Pivotal solo, too big for it: seven customers, then two people; the member may not upgrade, the owner may."""
    w = Workspace(
        "hedgehog-press",
        "Hedgehog Press",
        catalog="pivotal",
        plan="solo",
        cadence="monthly",
        billing_day="anniversary",
        starts_on="2025-11-20",
    )

    w.on(
        "2026-01-01", "Prudence alone on the free plan, with more customers than solo's 5: reported at the end of January and of February."
    )
    w.has("prudence", "Prudence Mbeki", role="owner")
    w.on("2026-02-05", "Rufus is invited.")
    w.invited("rufus", "Rufus Ekström")
    w.on("2026-02-09", "Rufus accepts: two people on solo's one seat. Reported until 17 March, not billed (section 4).")
    w.accepted("rufus")
    w.on("2026-03-03", "Rufus, a member, asks for team: refused (rule I7).")
    w.plan_changed("team", by="rufus")
    w.on("2026-03-18", "Prudence does it: the activation day, and the anniversary from now on is the 18th (rules T1, T6).")
    w.plan_changed("team", by="prudence")
    w.on("2026-04-01", "Tabitha is invited.")
    w.invited("tabitha", "Tabitha Owusu")
    w.on(
        "2026-04-17",
        "Tabitha accepts, in the evening of the 16th where she lives and on the 17th in UTC: `seats_added`, +1 for 1 of 31 days.",
    )
    w.accepted("tabitha", at="2026-04-16T21:30:00-05:00")
    w.usage("2026-01-31", customers=7)
    w.usage("2026-02-28", customers=9)
    w.usage("2026-03-31", customers=12, integrations=1)
    w.usage("2026-04-30", customers=13, integrations=1)
    w.usage("2026-05-31", customers=15, integrations=2)
    return w


def kite_and_company():
    """A Pivotal trial whose extension is asked too late; billed on the 31st, and cancelled after six weeks."""
    w = Workspace(
        "kite-and-company",
        "Kite & Company",
        catalog="pivotal",
        plan="team",
        cadence="monthly",
        billing_day="31",
        starts_on="2026-03-02",
        trial_ends_on="2026-03-16",
    )

    w.on("2026-03-02", "The 14-day trial begins.")
    w.added("ottoline", "Ottoline Finch", role="owner")
    w.invited("pavel", "Pavel Horák")
    w.on("2026-03-03", "Pavel accepts; Rana is invited.")
    w.accepted("pavel")
    w.invited("rana", "Rana Siddiqui")
    w.on("2026-03-05", "Rana accepts.")
    w.accepted("rana")
    w.on(
        "2026-03-16",
        "The trial has ended and 3 seats are activated, on a stub of 15 of the 31 days from 28 February to 31 March (rule T3). "
        "Asked on this very day, the extension to 30 March is refused (rule T9).",
    )
    w.trial_extended("2026-03-30")
    w.on("2026-03-24", "Sunniva is invited.")
    w.invited("sunniva", "Sunniva Dahl")
    w.on("2026-03-31", "The first whole term, to 30 April: April has no 31st.")
    w.on("2026-04-06", "Sunniva accepts: `seats_added`, +1 for 24 of 30 days.")
    w.accepted("sunniva")
    w.on("2026-04-08", "Teodor is invited.")
    w.invited("teodor", "Teodor Ilić")
    w.on("2026-04-15", "Teodor's invite is revoked.")
    w.revoked("teodor")
    w.on("2026-04-17", "Ottoline cancels: it ends with the running term, on 30 April, with a closing invoice on that day (rule T8).")
    w.canceled(by="ottoline")
    w.on("2026-05-04", "Ottoline tidies up. Nobody is billed, nothing is credited: there is no subscription any more (rule G6).")
    w.deactivated("pavel")
    w.deactivated("rana")
    w.deactivated("sunniva")
    w.usage("2026-03-31", customers=6, integrations=1)
    return w


CHARACTERS = [
    acme_robotics,
    polaris_observatory,
    tea_and_tests,
    lumen_studio,
    harbor_lights,
    cafe_zuerich,
    atelier_blanc,
    hedgehog_press,
    kite_and_company,
]


# ------------------------------------------------------------------------------------------------------ how a story is written


class Workspace:
    """What is told about one workspace. `on` turns to a day; every call after it happens on that day.

    A call that names an event changes the roster at that day's close *and* sends the event, so the two agree. Only `has` (the
    people the opening roster finds), `login_off` and `vanishes` send none.
    """

    def __init__(self, workspace_id, name, **subscription):
        self.workspace_id = workspace_id
        self.short = workspace_id.split("-")[0]
        self.subscription = {"subscription_id": f"sub-{self.short}", "workspace_id": workspace_id, "workspace_name": name} | subscription
        self.chapters, self.changes, self.events, self.usages = [], [], [], []
        self.people = {}  # by handle, as they stand today
        self.today = None

    def on(self, day, telling):
        day = dt.date.fromisoformat(day)
        assert self.today is None or self.today < day, f"{self.workspace_id}: {day} is told after {self.today}"
        self.today = day
        self.clock = dt.datetime.combine(day, dt.time(8, 30), dt.UTC) + dt.timedelta(minutes=len(self.chapters) * 37 % 180)
        self.chapters.append((day, telling))

    def note(self, telling):
        self.chapters.append((None, telling))

    # people ------------------------------------------------------------------------------------------------------------

    def has(self, handle, name, *, kind="teammate", role="member", status="active", last_login="2025-12-29", logs_in=True):
        assert self.today == FIRST_DAY, "whoever joins later is added or invited"
        self._join(handle, name, kind, role, status, logs_in)
        if status != "pending":
            self._change(handle, last_active_on=last_login)

    def added(self, handle, name, *, kind="teammate", role="member", status="active"):
        self._join(handle, name, kind, role, status)
        self._send("added", actor=self._owner(), user=handle)

    def invited(self, handle, name):
        self._join(handle, name, "teammate", "member", "pending")
        self._send("invited", actor=self._owner(), user=handle)

    def alias_granted(self, handle, name):
        self._join(handle, name, "alias", "member", "active")
        self._send("alias_granted", actor=None, user=handle)

    def accepted(self, handle, *, at=None):
        assert self.people[handle]["status"] == "pending"
        self._change(handle, status="active", last_active_on=self.today.isoformat())
        self._send("accepted", actor=handle, user=handle, at=at)

    def revoked(self, handle):
        assert self.people[handle]["status"] == "pending"
        self._change(handle, status="revoked", login_enabled="false")
        self._send("revoked", actor=self._owner(), user=handle)

    def deactivated(self, handle, *, at=None):
        assert self.people[handle]["status"] == "active"
        self._change(handle, status="deactivated", login_enabled="false")
        self._send("deactivated", actor=self._owner(), user=handle, at=at)

    def reactivated(self, handle):
        assert self.people[handle]["status"] == "deactivated"
        self._change(handle, status="active", login_enabled="true")
        self._send("reactivated", actor=self._owner(), user=handle)

    def deleted(self, handle):
        self._change(handle, status="deleted", login_enabled="false", name="", email="")
        self._send("deleted", actor=self._owner(), user=handle)

    def login_off(self, handle):
        self._change(handle, login_enabled="false")

    def vanishes(self, handle):
        self._change(handle, status="gone")

    # the contract ------------------------------------------------------------------------------------------------------

    def seats_updated(self, total, *, by, delivered_on=None):
        self._send("seats_updated", actor=by, delivered_on=delivered_on, quantity=total)

    def plan_changed(self, plan, *, by, quantity="", cadence=""):
        self._send("plan_changed", actor=by, plan=plan, quantity=quantity, cadence=cadence)

    def cadence_changed(self, cadence, *, by, at=None):
        self._send("cadence_changed", actor=by, cadence=cadence, at=at)

    def trial_extended(self, until):
        self._send("trial_extended", actor=None, until=until)

    def canceled(self, *, by):
        self._send("canceled", actor=by)

    def usage(self, day, **metrics):
        assert dt.date.fromisoformat(day) in MONTH_ENDS
        self.usages += [
            (dt.date.fromisoformat(day), {"workspace_id": self.workspace_id, "metric": metric, "value": value})
            for metric, value in sorted(metrics.items())
        ]

    # underneath --------------------------------------------------------------------------------------------------------

    def _owner(self):
        return next(handle for handle, person in self.people.items() if person["role"] == "owner")

    def _join(self, handle, name, kind, role, status, logs_in=True):
        assert handle not in self.people
        host = "example.org" if kind == "portal" else "example.com"
        self.people[handle] = {"user_id": f"{self.short}-{len(self.people) + 1:02d}"}
        self._change(
            handle,
            kind=kind,
            role=role,
            status=status,
            login_enabled="false" if status == "deactivated" else "true",
            name=name,
            email=f"{handle}@{host}",
            last_active_on="",
            logs_in=logs_in,
        )

    def _change(self, handle, **fields):
        self.people[handle].update(fields)
        self.changes.append((self.today, handle, fields))

    def _send(self, event, *, actor, user=None, at=None, delivered_on=None, **contract):
        """Note an event of today; `actor=None` is the vendor's support, who has no role in the workspace."""
        self.clock += dt.timedelta(minutes=3)
        occurred_at = dt.datetime.fromisoformat(at) if at else self.clock
        assert occurred_at.astimezone(dt.UTC).date() == self.today, "an event counts for its day in UTC"
        delivered = dt.date.fromisoformat(delivered_on) if delivered_on else self.today
        self.events.append(
            (
                delivered,
                occurred_at.astimezone(dt.UTC),
                {
                    "occurred_at": occurred_at.isoformat().replace("+00:00", "Z"),
                    "workspace_id": self.workspace_id,
                    "subscription_id": "" if user else self.subscription["subscription_id"],
                    "event": event,
                    "actor_id": self.people[actor]["user_id"] if actor else f"{self.subscription['catalog']}-support",
                    "actor_role": self.people[actor]["role"] if actor else "",
                    "user_id": self.people[user]["user_id"] if user else "",
                }
                | contract,
            )
        )


# ------------------------------------------------------------------------------------------------- from the story to the files


def rosters(workspace):
    """The workspace's roster at the close of every day: {day: rows}."""
    people, chance = {}, {}
    by_day = {}
    for day in DAYS:
        for _, handle, fields in (change for change in workspace.changes if change[0] == day):
            people.setdefault(handle, {"workspace_id": workspace.workspace_id, "user_id": workspace.people[handle]["user_id"]})
            people[handle].update(fields)
        for handle, person in people.items():
            seed = f"{workspace.workspace_id}/{handle}"  # by the person: a new colleague changes nobody else's days
            if logs_in_on(day, person, chance.setdefault(handle, random.Random(seed)).random()):
                person["last_active_on"] = day.isoformat()
        by_day[day] = [dict(person) for person in people.values() if person["status"] != "gone"]
    return by_day


def logs_in_on(day, person, luck):
    if person["status"] != "active" or person["login_enabled"] != "true" or not person["logs_in"]:
        return False
    if day.weekday() >= 5:
        return luck < 0.06
    return luck < (0.85 if person["kind"] == "teammate" else 0.25)


def activity(workspaces):
    """All events as (day delivered, row), numbered in the order in which they occurred."""
    events = sorted((event for workspace in workspaces for event in workspace.events), key=lambda e: (e[1], e[2]["workspace_id"]))
    return [(delivered, {"event_id": f"evt-{number:04d}"} | row) for number, (delivered, _, row) in enumerate(events, start=1)]


def csv_text(table, rows):
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS[table], restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def source_files(workspaces):
    """Every file of the source: {path in the folder: text}."""
    roster = [rosters(workspace) for workspace in workspaces]
    files = {"subscriptions.csv": csv_text("subscriptions", [workspace.subscription for workspace in workspaces])}
    for day in DAYS:
        files[f"users/date={day}/users.csv"] = csv_text("users", [row for by_day in roster for row in by_day[day]])
    dated = {"activity": activity(workspaces), "usage": [usage for workspace in workspaces for usage in workspace.usages]}
    for table, rows in dated.items():
        for day in sorted({day for day, _ in rows}):
            files[f"{table}/date={day}/{table}.csv"] = csv_text(table, [row for of_day, row in rows if of_day == day])
    return files


README = """\
# The sample source

Nine invented workspaces from {first} to {last}, small enough to read, in which every kind of invoice line and most findings
occur. Written by `python data/make_sample.py`, from which this page is made too: change the story there, not here.

    subscriptions.csv                        one row per subscription, as agreed at signup
    users/date=YYYY-MM-DD/users.csv          every user at the close of that day, every day
    activity/date=YYYY-MM-DD/activity.csv    the events delivered that day, only on days that have some
    usage/date=YYYY-MM-DD/usage.csv          month ends: what the Pivotal workspaces use of their plans

The first roster, {first}, is the ledger's opening day (rule I9). All people and companies are invented.

## Who they are

| Workspace | Subscription | Signed up for | |
|---|---|---|---|
{cast}

## Where to find it

| What | Where |
|---|---|
| `opening` | everyone but those on a free plan; inside a term on the opening day, so without one at first: cafe-zuerich |
| `seats_added`, `seats_removed` on active seats | harbor-lights, lumen-studio, cafe-zuerich, atelier-blanc, polaris-observatory |
| `seats_added`, `seats_removed` on committed seats | acme-robotics, 9 February and 4 March |
| `seats_reduced` | acme-robotics, 18 March |
| `reactivated`, back-billed | harbor-lights, 26 March and 15 April; cut at a plan switch: lumen-studio, 20 March |
| reactivated and charged as new | polaris-observatory, 13 April |
| `plan_switch` | lumen-studio: team to pro on 12 March, to the free plan on 18 May |
| leaving a free plan | hedgehog-press, 18 March; tea-and-tests, 4 May |
| a trial, extended in time; too late | lumen-studio, 30 January; kite-and-company, 16 March |
| monthly to annual | cafe-zuerich, asked on 19 March, in force on 10 April |
| billing day first, anniversary, 31; a stub | harbor-lights; cafe-zuerich; kite-and-company; stubs: lumen-studio, kite-and-company |
| credit carried over and consumed | atelier-blanc, 8 February to 8 May; never consumed: lumen-studio |
| cancelled, ended with its term | kite-and-company, 17 and 30 April |
| an agreed price | polaris-observatory |
| began before the opening day | cafe-zuerich, hedgehog-press, tea-and-tests |
| over the seats: committed; the plan's limit | acme-robotics, 26 January to 8 February and from 20 May; hedgehog-press, 9 February to 17 March |
| broken aliases | acme-robotics, from 16 February (no login) and from 2 April (deactivated) |
| refused: below the occupied; by a member; too late | acme-robotics, 7 April; hedgehog-press, 3 March; kite-and-company, 16 March |
| beyond the plan: a cap; an entitlement | hedgehog-press, `customers`, January and February; harbor-lights, `sso`, March |
| an event delivered late | acme-robotics, of 28 April in the folder of 4 May |
| a revoked invite | harbor-lights, kite-and-company (never billed); polaris-observatory (billed while pending) |
| a deleted user; one who vanishes | acme-robotics, harbor-lights; polaris-observatory, 9 April |
| an event whose local date is not its UTC date | harbor-lights, 5 March; hedgehog-press, 17 April |

## What happens to them
{stories}"""


def guide(workspaces, stories):
    cast, told = [], []
    for workspace, story in zip(workspaces, stories, strict=True):
        terms = workspace.subscription
        cast.append(
            f"| `{workspace.workspace_id}` | `{terms['subscription_id']}` | {terms['catalog']} {terms['plan']}, {terms['cadence']}, "
            f"from {terms['starts_on']} | {story} |"
        )
        told.append(f"\n### {workspace.workspace_id}\n\n{story}\n")
        told += [f"- **{day}** {telling}" if day else f"- {telling}" for day, telling in workspace.chapters]
    return README.format(first=FIRST_DAY, last=LAST_DAY, cast="\n".join(cast), stories="\n".join(told)) + "\n"


def write_sample(folder):
    """Write the sample into `folder`; return how many files, and those found there that are not part of it."""
    workspaces = [character() for character in CHARACTERS]
    files = source_files(workspaces) | {"README.md": guide(workspaces, [character.__doc__ for character in CHARACTERS])}
    for path, text in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8", newline="\n")
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    return len(files), sorted(found - files.keys())


def main(arguments):
    if len(arguments) > 1 or any(argument.startswith("-") for argument in arguments):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    folder = Path(arguments[0]) if arguments else Path(__file__).resolve().parent / "sample"
    written, strangers = write_sample(folder)
    print(f"{written} files written to {folder}")
    for path in strangers:
        print(f"not part of the sample, left alone: {path}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
