-- Was each term billed what its seats, counted day by day, cost?
-- Grain: subscription, term. Units: minor units; seat-days.
-- expected is worked out from the occupancy alone, without charges and lines: for every spell of the term the seats billed at each day's close
-- (held or agreed) x unit price / period days, the last known day standing for the days to come, and for those who came back the days back to
-- their release (D6). What was billed elsewhere before the opening day (I9) is taken off. All in whole price-days, divided once, half up.
--     billed + not_invoiced + never_invoiced + held - expected = difference, at most half a minor unit for each charge and for expected itself.
create table reconciliation as
with known as (
    select min(day) as first_day, max(day) as last_day from seat_occupancy
), spell_days as (
    select subscription_id, spell_from,
        sum(occupied) as occupied_days, sum(committed) as committed_days,
        sum(occupied) filter (day = last_day) as occupied_last, sum(committed) filter (day = last_day) as committed_last,
        sum(occupied) filter (day = first_day) as occupied_first, sum(committed) filter (day = first_day) as committed_first
    from seat_occupancy, known
    where spell_from is not null
    group by all
), spell_worth as (
    select s.subscription_id, s.term_from, s.unit_price_minor,
        case s.basis when 'committed' then committed_days else occupied_days end as seat_days,
        case when s.spell_until > last_day + 1
            then case s.basis when 'committed' then committed_last else occupied_last end * (s.spell_until - last_day - 1) else 0 end as to_come,
        case when s.term_from < first_day and s.spell_from <= first_day
            then case s.basis when 'committed' then committed_first else occupied_first end * (s.term_until - first_day) else 0 end as elsewhere
    from spells s join spell_days using (subscription_id, spell_from), known
), current_spells as (  -- the spell that a return falls into, or the one that was just left for a free plan
    select r.*, c.subscription_id, c.term_from
    from reactivations r
    asof join (
        select *, lag(basis) over (partition by subscription_id, term_from order by spell_from) as basis_before from spells where back_bills
    ) c on c.catalog = r.catalog and c.workspace_id = r.workspace_id and r.day >= c.spell_from
    where (r.day > c.spell_from and r.day < c.spell_until and c.basis = 'active')
       or (r.day = c.spell_from and r.day > c.term_from and (c.basis = 'active' or c.basis_before = 'active'))
       or (r.day = c.spell_until and r.day < c.term_until)
), returns as (
    select subscription_id, term_from, s.unit_price_minor,
        r.seats * (least(s.spell_until, r.day) - greatest(s.spell_from, r.released_on)) as back_billed
    from current_spells r join spells s using (subscription_id, term_from)
    where s.spell_from < r.day and s.spell_until > r.released_on
), worth as (
    select subscription_id, term_from, sum(seat_days) as seat_days, sum(to_come) as to_come, sum(back_billed) as back_billed,
        sum(unit_price_minor * (seat_days + to_come + back_billed - elsewhere)) as price_days,
        sum(unit_price_minor * elsewhere) as price_days_elsewhere
    from (
        select subscription_id, term_from, unit_price_minor, seat_days, to_come, 0 as back_billed, elsewhere from spell_worth
        union all
        select subscription_id, term_from, unit_price_minor, 0, 0, back_billed, 0 from returns
    )
    group by all
), terms_known as (
    select subscription_id, term_from, any_value(workspace_id) as workspace_id, any_value(catalog) as catalog, any_value(currency) as currency,
        any_value(cadence) as cadence, any_value(term_until) as term_until, max(spell_until) as ended_on, any_value(period_days) as period_days
    from spells group by all
), charges as (  -- each is rounded once, however many lines it has
    select subscription_id, term_from, reason, moved_on, service_from, service_until, plan, unit_price_minor, period_days,
        any_value(workspace_id) as workspace_id, any_value(catalog) as catalog, any_value(currency) as currency,
        max(cadence) as cadence, max(term_until) as term_until,
        sum(billed) as billed, sum(next) as next, sum(never) as never, sum(is_line) as lines
    from (
        select *, amount_minor as billed, 0 as next, 0 as never, 1 as is_line from invoice_lines
        union all by name
        select *, 0 as billed, case when has_next_invoice then amount_minor else 0 end as next,
            case when has_next_invoice then 0 else amount_minor end as never, 0 as is_line
        from unbilled_charges
    )
    group by subscription_id, term_from, reason, moved_on, service_from, service_until, plan, unit_price_minor, period_days
), told as (
    select subscription_id, term_from, any_value(workspace_id) as workspace_id, any_value(catalog) as catalog, any_value(currency) as currency,
        max(cadence) as cadence, max(term_until) as term_until, max(period_days) as period_days,
        sum(billed) as billed, sum(next) as next, sum(never) as never, sum(lines) as lines, count(*) as charges
    from charges group by all
), together as (
    select
        coalesce(k.subscription_id, t.subscription_id) as subscription_id,
        coalesce(k.workspace_id, t.workspace_id) as workspace_id,
        coalesce(k.catalog, t.catalog) as catalog,
        coalesce(k.currency, t.currency) as currency,
        coalesce(k.cadence, t.cadence) as cadence,
        coalesce(k.term_from, t.term_from) as term_from,
        coalesce(k.term_until, t.term_until) as term_until,
        k.ended_on,
        coalesce(k.period_days, t.period_days) as period_days,
        coalesce(w.seat_days, 0)::bigint as seat_days,
        coalesce(w.to_come, 0)::bigint as seat_days_to_come,
        coalesce(w.back_billed, 0)::bigint as seat_days_back_billed,
        half_up(coalesce(w.price_days_elsewhere, 0), coalesce(k.period_days, 1)) as billed_elsewhere_minor,
        h.workspace_id is not null as is_held,
        case when k.subscription_id is not null or not is_held then half_up(coalesce(w.price_days, 0), coalesce(k.period_days, 1)) end as expected_minor,
        coalesce(t.billed, 0)::bigint as billed_minor,
        coalesce(t.next, 0)::bigint as not_invoiced_minor,
        coalesce(t.never, 0)::bigint as never_invoiced_minor,
        coalesce(t.lines, 0)::bigint as lines,
        coalesce(t.charges, 0)::bigint as charges
    from terms_known k
    full join told t on t.subscription_id = k.subscription_id and t.term_from = k.term_from
    left join worth w on w.subscription_id = k.subscription_id and w.term_from = k.term_from
    left join (select distinct workspace_id from holds) h on h.workspace_id = coalesce(k.workspace_id, t.workspace_id)
)
select
    subscription_id, term_from, term_until, ended_on, workspace_id, catalog, currency, cadence, period_days,
    seat_days, seat_days_to_come, seat_days_back_billed, billed_elsewhere_minor, expected_minor, billed_minor, not_invoiced_minor,
    never_invoiced_minor,
    case when is_held then expected_minor - billed_minor else 0 end as held_minor,
    case when is_held then 0 else billed_minor + not_invoiced_minor + never_invoiced_minor - expected_minor end as difference_minor,
    (charges + 1) // 2 as difference_bound_minor,
    lines,
    charges,
    case
        when is_held then 'held'
        when abs(difference_minor) > difference_bound_minor then 'not explained'
        when never_invoiced_minor <> 0 then 'has a rest'
        when not_invoiced_minor <> 0 then 'to be invoiced'
        when ended_on > last_day + 1 then 'running'
        else 'settled'
    end as state
from together, known
order by subscription_id, term_from;
comment on table reconciliation is 'One per subscription and term that has a day since the opening day: what was billed against what its seats cost. Key: subscription_id, term_from.';
comment on column reconciliation.subscription_id is 'The subscription.';
comment on column reconciliation.term_from is 'First day of the term.';
comment on column reconciliation.term_until is 'The day after the term''s last planned day.';
comment on column reconciliation.ended_on is 'The day after its last day; null: a late fact undid the term, and its lines were or will be taken back.';
comment on column reconciliation.workspace_id is 'The workspace.';
comment on column reconciliation.catalog is 'The catalogue.';
comment on column reconciliation.currency is 'ISO 4217 code.';
comment on column reconciliation.cadence is 'monthly or annual.';
comment on column reconciliation.period_days is 'Days of the whole period that a full price pays for.';
comment on column reconciliation.seat_days is 'Seats billed at a day''s close (held, or agreed on plans that bill those), summed over the term''s days known.';
comment on column reconciliation.seat_days_to_come is 'Those of the last known day x the term''s days to come.';
comment on column reconciliation.seat_days_back_billed is 'Days between release and return of seats that are back-billed (D6).';
comment on column reconciliation.billed_elsewhere_minor is 'What of the term was billed before the opening day (I9), not in expected, minor unit.';
comment on column reconciliation.expected_minor is 'What these seat-days cost at the prices of their spells, minor unit; null: held, and not to be worked out.';
comment on column reconciliation.billed_minor is 'Sum of the term''s invoice lines, minor unit.';
comment on column reconciliation.not_invoiced_minor is 'What the next invoice will bill of it, minor unit.';
comment on column reconciliation.never_invoiced_minor is 'What moved after the closing invoice and has no next one (I4), minor unit.';
comment on column reconciliation.held_minor is 'For a held workspace, what is expected and not billed, minor unit.';
comment on column reconciliation.difference_minor is 'billed + not invoiced + never invoiced - expected: rounding, minor unit; 0 where held.';
comment on column reconciliation.difference_bound_minor is 'The most that rounding can come to: half a minor unit for each charge and for expected, minor unit.';
comment on column reconciliation.lines is 'Number of invoice lines.';
comment on column reconciliation.charges is 'Number of charges, each rounded once.';
comment on column reconciliation.state is 'settled, running, to be invoiced, has a rest (never invoiced), held or not explained.';
