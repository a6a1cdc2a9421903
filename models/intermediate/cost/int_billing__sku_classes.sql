-- What kind of resource a SKU is, by the first rule of billing_line_rules that fits,
-- and the machine it names. One row per provider, service, SKU text, unit, charge
-- category and SKU detail.
with
    daily_lines as (select * from {{ ref("int_billing__daily_lines") }}),
    rules as (select * from {{ ref("billing_line_rules") }}),
    units as (select * from {{ ref("consumed_units") }}),
    types_found as (select * from {{ ref("int_energy__types_found") }}),

    skus as (
        select
            coalesce(daily_lines.provider_code, '') as provider_code,
            coalesce(daily_lines.service_name, '') as service_name,
            daily_lines.sku_text,
            coalesce(daily_lines.unit_key, '') as unit_key,
            -- However hours are written, a rule may call them hours.
            concat(
                coalesce(daily_lines.unit_key, ''),
                case when units.dimension = 'hours' then ' hours' else '' end
            ) as unit_text,
            coalesce(daily_lines.charge_category, '') as charge_category,
            coalesce(daily_lines.sku_price_details_json, '') as sku_price_details_json,
            max(daily_lines.type_name) as type_name
        from daily_lines
        left join units on daily_lines.unit_key = units.unit_key
        group by all
    ),

    skus_matched as (
        select
            skus.*,
            rules.rule_id,
            rules.resource_class,
            rules.allocation_hint,
            rules.energy_rule,
            row_number() over (
                partition by
                    skus.provider_code,
                    skus.service_name,
                    skus.sku_text,
                    skus.unit_key,
                    skus.charge_category,
                    skus.sku_price_details_json
                order by rules.priority, rules.rule_id
            ) as preference
        from skus
        left join
            rules
            on skus.provider_code like rules.provider_code
            and lower(skus.service_name) like rules.service_name_like
            and skus.sku_text like rules.text_like
            and (
                skus.unit_key like rules.consumed_unit_like
                or skus.unit_text like rules.consumed_unit_like
            )
            and skus.charge_category like rules.charge_category
    ),

    final as (
        select
            skus_matched.provider_code,
            skus_matched.service_name,
            skus_matched.sku_text,
            skus_matched.unit_key,
            skus_matched.charge_category,
            skus_matched.sku_price_details_json,

            skus_matched.rule_id,
            coalesce(skus_matched.resource_class, 'other') as resource_class,
            coalesce(skus_matched.allocation_hint, 'not_ml') as allocation_hint,
            coalesce(skus_matched.energy_rule, 'none:no_rule') as energy_rule,
            types_found.hardware_key as instance_type
        from skus_matched
        left join
            types_found
            on skus_matched.provider_code = types_found.provider_code
            and skus_matched.type_name = types_found.type_name
        where skus_matched.preference = 1
    )

select *
from final
