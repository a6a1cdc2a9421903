-- Charges of one kind added up per day, and whom they were claimed for: what runs and
-- their idle machines claim is taken from the bill and put back as theirs, so the sum
-- stays the bill. With the machine whose hours a line pays for, and whether these are
-- still nobody's. A billing month of which nothing changed is not worked out again. One
-- row per day, claim and combination of the keys.
{{
    config(
        materialized="incremental" if target.type == "duckdb" else "table",
        incremental_strategy="append",
        pre_hook="{{ forget_old_parts(this, ref('int_billing__months_claimed'), ['billing_period_date', 'claimed_key']) }}",
    )
}}
{% set months = ref("int_billing__months_claimed") %}
{% set month_key = ["billing_period_date", "claimed_key"] %}
{% set is_new_month = is_new_part(part_text(month_key[:1]), this, months, month_key) %}
with
    charges_daily as (
        select * from {{ ref("int_billing__charges_daily") }} where {{ is_new_month }}
    ),
    claims_daily as (
        select * from {{ ref("int_cost__claims_daily") }} where {{ is_new_month }}
    ),
    months as (select * from {{ months }}),
    teams as (select * from {{ ref("int_cost__tag_teams") }}),
    classes as (select * from {{ ref("int_billing__sku_classes") }}),
    providers as (select * from {{ ref("providers") }}),
    regions_named as (select * from {{ ref("int_carbon__regions_named") }}),

    parts as (
        select
            {{ bill_line_keys() }},
            cast(null as string) as claimed_for,
            line_rows
            {%- for amount, _ in bill_line_amounts() %}, {{ amount }} {%- endfor %}
        from charges_daily
        left join teams on charges_daily.tags_json = teams.tags_json
        {% for claimed_for, sign in [
                ("cast(null as string)", "-"),
                ("allocation", ""),
            ] %}
            union all
            select
                {{ bill_line_keys() }},
                {{ claimed_for }} as claimed_for,
                {{ sign }} line_rows as line_rows
                {%- for amount, _ in bill_line_amounts() -%}
                    , {{ sign }} {{ amount }} as {{ amount }}
                {%- endfor %}
            from claims_daily
        {% endfor %}
    ),

    parts_added as (
        select
            {{ bill_line_keys() }},
            claimed_for,

            cast(sum(line_rows) as bigint) as line_rows
            {%- for amount, _ in bill_line_amounts() -%}
                , sum({{ amount }}) as {{ amount }}
            {%- endfor %}
        from parts
        group by all
        having
            sum(line_rows) > 0
            {%- for amount, _ in bill_line_amounts() %}
                or sum({{ amount }}) <> 0
            {%- endfor %}
    ),

    parts_placed as (
        select
            parts_added.*,
            coalesce(regions_named.region, parts_added.told_region) as region,
            coalesce(
                providers.provider_code, lower(parts_added.provider_name)
            ) as provider_code,
            regions_named.missing_reason as region_missing_reason,
            case
                when
                    parts_added.charge_category = 'Usage'
                    and not parts_added.is_unused_commitment
                    and classes.energy_rule = 'instance_hours'
                    and classes.dimension = 'hours'
                then classes.instance_type
            end as hardware_key,
            cast(parts_added.consumed_quantity_exact as double)
            * classes.unit_factor as hardware_hours,
            parts_added.claimed_for is null
            and classes.allocation_hint = 'ml'
            and coalesce(parts_added.charge_class, '')
            <> 'Correction' as is_unclaimed_ml
        from parts_added
        left join classes on parts_added.sku_key = classes.sku_key
        left join
            providers on lower(parts_added.provider_name) = providers.provider_name_key
        left join
            regions_named
            on coalesce(parts_added.provider_name, '') = regions_named.told_provider
            and coalesce(parts_added.told_region, '') = regions_named.told_region
            and regions_named.told_zone = ''
    ),

    final as (
        select
            parts_placed.*,
            coalesce(parts_placed.sub_account_id, '') as account_key,
            parts_placed.hardware_key is not null
            and parts_placed.is_unclaimed_ml as is_unclaimed_machine,
            months.claimed_key
        from parts_placed
        inner join
            months
            on {{ part_text(["parts_placed.billing_period_date"]) }}
            = {{ part_text(["months.billing_period_date"]) }}
    )

select *
from final
