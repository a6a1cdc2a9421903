-- Charges of one kind added up per billing period, resource and tags: the one pass over
-- the bill that knows resources. A delivery that was added up on an earlier night is
-- not read again. One row per delivery and combination of the other columns but the
-- sums and instants.
{{
    config(
        materialized="incremental" if target.type == "duckdb" else "table",
        incremental_strategy="append",
        pre_hook="{{ forget_old_deliveries(this, ref('int_billing__deliveries')) }}",
    )
}}
{% set deliveries = ref("int_billing__deliveries") %}
with
    charges as (select * from {{ ref("int_billing__charges") }}),

    charges_new as (
        select *
        from charges
        where {{ is_new_delivery("delivery_id", this, deliveries) }}
    ),

    charges_added as (
        select
            {{ resource_charge_columns() }},

            count(*) as line_rows,
            sum(effective_cost) as effective_cost_exact,
            sum(billed_cost) as billed_cost_exact,
            min(charge_start_at_utc) as first_start_at_utc,
            max(charge_end_at_utc) as last_end_at_utc
        from charges_new
        group by all
    ),

    final as (
        select charges_added.*, {{ sku_key("charges_added") }} as sku_key
        from charges_added
    )

select *
from final
