"""A source of two workspaces, small enough to read and easy to damage."""

from __future__ import annotations

import shutil
from datetime import date, timedelta
from pathlib import Path

from tests.conftest import SAMPLE

FIRST, LAST = date(2026, 1, 1), date(2026, 3, 5)
SUBSCRIPTIONS = """\
subscription_id,workspace_id,workspace_name,catalog,plan,cadence,billing_day,starts_on,trial_ends_on,seats,unit_price_month,unit_price_year
sub-oak,oak,Oak & Sons,pivotal,team,monthly,first,2026-01-01,,,,
sub-elm,elm,Elm,pensero,growth,annual,anniversary,2026-01-10,,3,,
"""
USERS = "workspace_id,user_id,kind,role,status,login_enabled,name,email,last_active_on\n"
ACTIVITY = "event_id,occurred_at,workspace_id,subscription_id,event,actor_id,actor_role,user_id,quantity,plan,cadence,until\n"


def small_source(root: Path, last: date = LAST) -> Path:
    """Oak has a, b, and from 16 January c; elm has three people, of whom z leaves on 10 February."""
    root.mkdir(parents=True)
    (root / "subscriptions.csv").write_text(SUBSCRIPTIONS, encoding="utf-8")
    day = FIRST
    while day <= last:
        write_users(root, day, users_of(day))
        day += timedelta(days=1)
    add_event(root, date(2026, 2, 3), "e1", "2026-02-03T10:00:00Z,elm,sub-elm,seats_updated,x,owner,,5,,,")
    return root


def users_of(day: date) -> list[str]:
    rows = [f"oak,{user},teammate,{role},active,true,Name {user},{user}@example.com," for user, role in (("a", "owner"), ("b", "member"))]
    if day >= date(2026, 1, 16):
        rows.append("oak,c,teammate,member,active,true,Name c,c@example.com,2026-01-16")
    rows += [f"elm,{user},teammate,owner,active,true,Name {user},{user}@example.com," for user in ("x", "y")]
    status = "deactivated" if day >= date(2026, 2, 10) else "active"
    return [*rows, f"elm,z,teammate,member,{status},true,Name z,z@example.com,"]


def users_file(root: Path, day: date) -> Path:
    return root / "users" / f"date={day}" / "users.csv"


def write_users(root: Path, day: date, rows: list[str]) -> None:
    path = users_file(root, day)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(USERS + "".join(f"{row}\n" for row in rows), encoding="utf-8")


def add_event(root: Path, delivered_on: date, event_id: str, rest: str) -> None:
    path = root / "activity" / f"date={delivered_on}" / "activity.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    before = path.read_text(encoding="utf-8") if path.exists() else ACTIVITY
    path.write_text(f"{before}{event_id},{rest}\n", encoding="utf-8")


def catalogs_where_team_is_dearer_from_february(to: Path) -> Path:
    """Those of the sample, and a price more in the list of oak's plan: what is in the list stays, as it must once it billed."""
    folder = shutil.copytree(SAMPLE.parent / "catalogs", to)
    path = folder / "pivotal.toml"
    dearer = '[[plans.team.prices]]\neffective_from = 2026-02-01\nmonth = "40.00"\nyear = "384.00"\nreference = "new"\n'
    path.write_text(path.read_text(encoding="utf-8").replace("[plans.pro]", f"{dearer}\n[plans.pro]"), encoding="utf-8")
    return folder
