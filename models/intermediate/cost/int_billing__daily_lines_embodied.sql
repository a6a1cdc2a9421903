-- The bill with the manufacture behind its machine-hours and vCPU-hours. One row per
-- row of int_billing__daily_lines.
with
    lines_priced as (select * from {{ ref("int_billing__daily_lines_priced") }}),
    machines as (
        select * from {{ ref("int_carbon__embodied_machines") }} where site_name = ''
    ),

    lines_with_rate as (
        select
            lines_priced.*,
            case
                when lines_priced.energy_rule = 'instance_hours'
                then machines.machine_g_co2e_per_hour
                when lines_priced.energy_rule = 'vcpu_hours'
                then unknown_machines.vcpu_g_co2e_per_hour
            end as embodied_g_co2e_per_hour
        from lines_priced
        left join
            machines
            on lines_priced.provider_code = machines.provider_code
            and lines_priced.instance_type = machines.hardware_key
        left join machines as unknown_machines on unknown_machines.hardware_key = '*'
    ),

    final as (
        select
            *,
            case
                when dimension = 'hours' then quantity * embodied_g_co2e_per_hour
            end as emissions_embodied_g_co2e,
            case
                when energy_rule like 'none:%'
                then substr(energy_rule, 6)
                when energy_rule = 'memory_gib_hours'
                then 'counted_with_the_vcpus'
                when energy_rule not in ('instance_hours', 'vcpu_hours')
                then 'no_embodied_factor'
                when energy_rule = 'instance_hours' and instance_type is null
                then 'unknown_instance_type'
                when dimension is null or dimension <> 'hours'
                then 'unknown_unit'
                when embodied_g_co2e_per_hour is null
                then 'no_embodied_factor'
            end as missing_embodied_reason
        from lines_with_rate
    )

select *
from final
