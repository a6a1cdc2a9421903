-- What of the bill has no energy although it used some or nobody knows: the biggest
-- first to look at. A billing month of which nothing changed is not worked out again.
-- Lines that use none (taxes, licences, requests) are not here. In the billing
-- currency. One row per billing period, provider, service, region, SKU meter, charge
-- description, unit, charge category, resource class, rule, missing reason and
-- currency.
{{
    config(
        materialized="incremental" if target.type == "duckdb" else "table",
        incremental_strategy="append",
        pre_hook="{{ forget_old_parts(this, ref('int_billing__months_published'), ['billing_period_date', 'published_key']) }}",
    )
}}
{% set months = ref("int_billing__months_published") %}
{% set month_key = ["billing_period_date", "published_key"] %}
with
    daily_lines as (
        select *
        from {{ ref("int_billing__daily_lines_priced") }}
        where {{ is_new_part(part_text(month_key[:1]), this, months, month_key) }}
    ),
    months as (select * from {{ months }}),
    skus as (select * from {{ ref("int_billing__skus") }}),
    gaps as (select * from {{ ref("line_energy_gaps") }}),

    final as (
        select
            daily_lines.billing_period_date,
            daily_lines.provider_code as provider,
            daily_lines.service_name,
            daily_lines.region,
            skus.sku_meter,
            skus.charge_description,
            skus.consumed_unit,
            daily_lines.charge_category,
            daily_lines.resource_class,
            daily_lines.rule_id,
            daily_lines.missing_reason,

            cast(sum(daily_lines.effective_cost_exact) as double) as effective_cost,
            daily_lines.billing_currency as cost_currency,
            cast(sum(daily_lines.line_rows) as bigint) as line_rows,
            months.published_key
        from daily_lines
        inner join
            months
            on {{ part_text(["daily_lines.billing_period_date"]) }}
            = {{ part_text(["months.billing_period_date"]) }}
        inner join skus on daily_lines.sku_key = skus.sku_key
        left join gaps on daily_lines.missing_reason = gaps.missing_reason
        where
            daily_lines.missing_reason is not null
            and coalesce(gaps.is_energy_used, true)
        group by all
    )

select *
from final
