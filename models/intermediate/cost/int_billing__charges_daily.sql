-- Charges of one kind added up per day, run by run unknown: the one pass over the bill.
-- Every column that decides class, energy, place or owner of a charge is a key. A
-- delivery that was added up on an earlier night, with the same keys of tags, is
-- not read again. One row per delivery, day and combination of the keys.
{{
    config(
        materialized="incremental" if target.type == "duckdb" else "table",
        incremental_strategy="append",
        pre_hook="{{ forget_old_deliveries(this, ref('int_billing__deliveries'), 'owner_keys') }}",
    )
}}
{% set deliveries = ref("int_billing__deliveries") %}
with
    charges as (select * from {{ ref("int_billing__charges") }}),
    teams as (select * from {{ ref("int_cost__tag_teams") }}),
    read as (select * from {{ deliveries }}),

    charges_new as (
        select *
        from charges
        where {{ is_new_delivery("delivery_id", this, deliveries, "owner_keys") }}
    ),

    final as (
        select
            charges_new.delivery_id,
            read.owner_keys,
            charges_new.source_name,
            {{ bill_line_columns() }},

            count(*) as line_rows,
            sum(cast(consumed_quantity as decimal(38, 12))) as consumed_quantity_exact,
            sum(effective_cost) as effective_cost_exact,
            sum(billed_cost) as billed_cost_exact,
            sum(list_cost) as list_cost_exact
        from charges_new
        inner join read on charges_new.delivery_id = read.delivery_id
        left join teams on charges_new.tags_json = teams.tags_json
        group by all
    )

select *
from final
