-- Charges of one kind and resource added up per day: the one pass over the bill. Every
-- column that decides class, energy, place or owner of a charge is a key. A delivery
-- that was added up on an earlier night is not read again. One row per delivery, day
-- and combination of the keys.
{{
    config(
        materialized="incremental" if target.type == "duckdb" else "table",
        incremental_strategy="append",
        pre_hook="{{ forget_old_parts(this, ref('int_billing__deliveries'), ['delivery_id']) }}",
    )
}}
{% set deliveries = ref("int_billing__deliveries") %}
with
    charges as (select * from {{ ref("int_billing__charges") }}),

    charges_new as (
        select *
        from charges
        where {{ is_new_part("delivery_id", this, deliveries, ["delivery_id"]) }}
    ),

    charges_added as (
        select
            {{ charge_columns() }},

            count(*) as line_rows,
            sum(cast(consumed_quantity as decimal(38, 12))) as consumed_quantity_exact,
            sum(effective_cost) as effective_cost_exact,
            sum(billed_cost) as billed_cost_exact,
            sum(list_cost) as list_cost_exact,

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
