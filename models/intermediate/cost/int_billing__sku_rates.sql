-- What the energy rule of each SKU takes for one unit: the whole machine or accelerator
-- at the default utilisations, else the rule's own figure. One row per SKU key.
with
    classes as (select * from {{ ref("int_billing__sku_classes") }}),
    copies as (select * from {{ ref("int_billing__sku_copies") }}),
    energy_rules as (select * from {{ ref("int_billing__energy_rules") }}),
    machines as (
        select * from {{ ref("int_energy__machine_power") }} where site_name = ''
    ),
    accelerators as (select * from {{ ref("int_energy__accelerators") }}),
    constants as (select * from {{ ref("int_energy__power_constants") }}),
    machines_embodied as (
        select * from {{ ref("int_carbon__embodied_machines") }} where site_name = ''
    ),
    accelerators_embodied as (
        select * from {{ ref("int_carbon__embodied_accelerators") }}
    ),

    final as (
        select
            classes.*,
            coalesce(machines.accelerator_count, 0) > 0 as has_accelerators,
            case
                classes.energy_rule
                when 'instance_hours'
                then machines.machine_w / 1000
                when 'accelerator_hours'
                then
                    classes.accelerators_per_unit
                    * {{
                        at_load(
                            "constants.accelerator_utilization_unknown",
                            "accelerators.at_0",
                            "accelerators.at_10",
                            "accelerators.at_50",
                            "accelerators.at_100",
                        )
                    }}
                    / 1000
                else energy_rules.kwh_per_unit
            end as rule_kwh,
            case
                classes.energy_rule
                when 'instance_hours'
                then machines_embodied.machine_g_co2e_per_hour
                when 'accelerator_hours'
                then
                    classes.accelerators_per_unit
                    * accelerators_embodied.kg_co2e
                    * 1000
                    / accelerators_embodied.lifetime_hours
                else energy_rules.vcpus_per_unit * unknown_machines.vcpu_g_co2e_per_hour
            end as rule_embodied_g_co2e,
            coalesce(energy_rules.dimension, 'hours') as rule_dimension,
            coalesce(copies.copies, 1.0) as copies,
            case
                classes.energy_rule
                when 'instance_hours'
                then machines.missing_reason
                when 'accelerator_hours'
                then
                    coalesce(
                        classes.accelerator_missing_reason, accelerators.missing_reason
                    )
            end as hardware_missing_reason
        from classes
        cross join constants
        left join copies on classes.sku_key = copies.sku_key
        left join
            energy_rules
            on classes.provider_code = energy_rules.provider_code
            and classes.energy_rule = energy_rules.energy_rule
        left join
            machines
            on classes.provider_code = machines.provider_code
            and classes.instance_type = machines.hardware_key
        left join
            accelerators on classes.accelerator_model = accelerators.accelerator_model
        left join
            machines_embodied
            on classes.provider_code = machines_embodied.provider_code
            and classes.instance_type = machines_embodied.hardware_key
        left join
            accelerators_embodied
            on classes.accelerator_model = accelerators_embodied.accelerator_model
        left join
            machines_embodied as unknown_machines on unknown_machines.hardware_key = '*'
    )

select *
from final
