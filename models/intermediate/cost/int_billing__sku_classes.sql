-- What kind of resource a SKU is, by the first rule of billing_line_rules that fits,
-- and the machine it names. One row per provider, service, SKU text, unit, charge
-- category and SKU detail.
with
    daily_lines as (select * from {{ ref("int_billing__daily_lines") }}),
    rules as (select * from {{ ref("billing_line_rules") }}),
    units as (select * from {{ ref("consumed_units") }}),

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
            coalesce(daily_lines.sku_price_details_json, '') as sku_price_details_json
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
            provider_code,
            service_name,
            sku_text,
            unit_key,
            charge_category,
            sku_price_details_json,

            rule_id,
            coalesce(resource_class, 'other') as resource_class,
            coalesce(allocation_hint, 'not_ml') as allocation_hint,
            coalesce(energy_rule, 'none:no_rule') as energy_rule,
            -- The bill's own detail, else a type's name in the meter or the
            -- description.
            regexp_replace(
                lower(
                    coalesce(
                        {{
                            json_text(
                                "nullif(sku_price_details_json, '')", "InstanceType"
                            )
                        }},
                        nullif(
                            regexp_extract(
                                sku_text,
                                '((ml|db|cache)[.])?[a-z][a-z0-9-]*[0-9][a-z0-9-]*[.]([0-9]*xlarge|large|medium|small|micro|nano|metal[-0-9xl]*)',
                                0
                            ),
                            ''
                        ),
                        nullif(
                            regexp_extract(
                                sku_text,
                                '(a2|a3|a4|g2|g4|n1|n2|n2d|n4|c2|c2d|c3|c3d|c4|e2|t2d|m1|m2|m3)-(highgpu|megagpu|ultragpu|edgegpu|standard|highmem|highcpu|megamem|ultramem)-[0-9]+g?',
                                0
                            ),
                            ''
                        )
                    )
                ),
                '^(ml|db|cache)[.]',
                ''
            ) as instance_type
        from skus_matched
        where preference = 1
    )

select *
from final
