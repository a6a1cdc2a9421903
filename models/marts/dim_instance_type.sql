-- Machines that can be rented or that a site owns, with the power they are modelled at.
-- One row per provider, site and instance type.
with
    hardware as (select * from {{ ref("int_energy__hardware") }}),
    machines as (select * from {{ ref("int_energy__machine_power") }}),

    final as (
        select
            hardware.provider_code as provider,
            nullif(hardware.site_name, '') as site_name,
            hardware.instance_type,

            hardware.cpu_microarchitecture,
            hardware.accelerator_model,

            hardware.vcpus,
            hardware.memory_gib,
            hardware.accelerator_count,
            machines.machine_w as default_power_w,

            hardware.cpu_factor_key,
            hardware.cpu_source_id,
            hardware.hardware_origin,
            machines.missing_reason
        from hardware
        inner join
            machines
            on hardware.provider_code = machines.provider_code
            and hardware.site_name = machines.site_name
            and hardware.hardware_key = machines.hardware_key
        where hardware.hardware_key <> '*'
    )

select *
from final
