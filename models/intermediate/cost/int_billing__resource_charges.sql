-- Charges of one SKU added up per billing period, resource and tags. One row per
-- delivery and combination of the other columns but the sums and instants.
with
    charges_daily as (select * from {{ ref("int_billing__charges_daily") }}),

    final as (
        select
            {{ resource_charge_keys() }},

            sum(line_rows) as line_rows,
            sum(effective_cost_exact) as effective_cost_exact,
            sum(billed_cost_exact) as billed_cost_exact,

            min(first_start_at_utc) as first_start_at_utc,
            max(last_end_at_utc) as last_end_at_utc
        from charges_daily
        group by all
    )

select *
from final
