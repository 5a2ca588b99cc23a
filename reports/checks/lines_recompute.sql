-- Is every line the amount that its own columns give?  Returns lines that are not.  half_up and half_even both may be in force.
with parts as (
    select *, quantity_billed_before + quantity as quantity_now,
        abs(quantity_billed_before + quantity)::hugeint * unit_price_minor * days as now_product,
        abs(quantity_billed_before)::hugeint * unit_price_minor * days as before_product
    from invoice_lines
), rounded as (
    select *,
        sign(quantity_now) * ((2 * now_product + period_days) // (2 * period_days)) as now_up,
        sign(quantity_billed_before) * ((2 * before_product + period_days) // (2 * period_days)) as before_up,
        sign(quantity_now) * (now_product // period_days + case
            when 2 * (now_product % period_days) > period_days then 1
            when 2 * (now_product % period_days) = period_days and (now_product // period_days) % 2 = 1 then 1 else 0 end) as now_even,
        sign(quantity_billed_before) * (before_product // period_days + case
            when 2 * (before_product % period_days) > period_days then 1
            when 2 * (before_product % period_days) = period_days and (before_product // period_days) % 2 = 1 then 1 else 0 end) as before_even
    from parts
)
select line_id as what, format('amount {} is not what quantity, price and days give', amount_minor) as problem
from rounded join catalogs using (catalog)
where amount_minor <> case rounding when 'half_even' then now_even - before_even else now_up - before_up end
