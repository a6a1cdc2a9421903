-- What kind of resource a SKU is, by the first rule that fits, and the hardware it
-- names: a machine, an accelerator, a disk of a tier. One row per SKU key.
with
    skus as (select * from {{ ref("int_billing__skus") }}),
    units as (select * from {{ ref("int_billing__units") }}),
    rules as (select * from {{ ref("int_billing__line_rules") }}),
    types_found as (select * from {{ ref("int_energy__types_found") }}),
    accelerators_named as (select * from {{ ref("int_energy__accelerators_named") }}),
    disk_tiers as (select * from {{ ref("azure_disk_tiers") }}),

    first_rules as (
        select skus.sku_key, min(rules.rule_rank) as rule_rank
        from skus
        inner join units on skus.unit_text = units.unit_text
        inner join
            rules
            on skus.provider_code like rules.provider_code
            and skus.service_text like rules.service_name_like
            and skus.sku_text like rules.text_like
            and (
                skus.unit_text like rules.consumed_unit_like
                or units.unit_names like rules.consumed_unit_like
            )
            and skus.charge_category like rules.charge_category
            and skus.hardware_named like rules.hardware_named
        group by skus.sku_key
    ),

    final as (
        select
            skus.sku_key,

            skus.provider_code,
            skus.service_text,
            skus.sku_text,
            units.dimension,
            units.factor as unit_factor,
            units.memory_gib_factor,
            units.is_per_month,

            rules.rule_id,
            coalesce(rules.resource_class, 'other') as resource_class,
            coalesce(rules.allocation_hint, 'not_ml') as allocation_hint,
            coalesce(rules.energy_rule, 'none:no_rule') as energy_rule,

            types_found.hardware_key as instance_type,
            accelerators_named.accelerator_model,
            case
                when accelerators_named.missing_reason is null
                then
                    coalesce(
                        accelerators_named.slice_devices,
                        accelerators_named.accelerator_share,
                        1.0
                    )
            end as accelerators_per_unit,
            accelerators_named.missing_reason as accelerator_missing_reason,
            disk_tiers.size_gib * 1.073741824 as disk_gb
        from skus
        inner join units on skus.unit_text = units.unit_text
        left join first_rules on skus.sku_key = first_rules.sku_key
        left join rules on first_rules.rule_rank = rules.rule_rank
        left join
            types_found
            on skus.provider_code = types_found.provider_code
            and skus.type_name = types_found.type_name
        left join
            accelerators_named
            on skus.accelerator_name = accelerators_named.accelerator_name
        left join
            disk_tiers
            on regexp_extract(skus.sku_text, '(?:^| )([pes][0-9]+) (?:lrs|zrs|disk)', 1)
            = disk_tiers.tier
    )

select *
from final
