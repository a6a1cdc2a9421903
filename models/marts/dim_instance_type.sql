-- Machines that can be rented or that a site owns, with the power they are modelled at.
-- One row per provider, site and instance type.
with
    hardware as (select * from {{ ref("int_energy__hardware") }}),
    machines as (select * from {{ ref("int_energy__machine_power") }}),
    embodied as (select * from {{ ref("int_carbon__embodied_machines") }}),

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
            embodied.kg_co2e
            * hardware.vcpus
            / embodied.per_vcpus as embodied_server_share_kg_co2e,
            embodied.machine_g_co2e_per_hour as embodied_g_co2e_per_hour,

            hardware.cpu_factor_key,
            hardware.cpu_source_id,
            hardware.hardware_origin,
            embodied.embodied_method,
            embodied.factor_key as embodied_factor_key,
            embodied.source_id as embodied_source_id,
            machines.missing_reason
        from hardware
        inner join
            machines
            on hardware.provider_code = machines.provider_code
            and hardware.site_name = machines.site_name
            and hardware.hardware_key = machines.hardware_key
        inner join
            embodied
            on hardware.provider_code = embodied.provider_code
            and hardware.site_name = embodied.site_name
            and hardware.hardware_key = embodied.hardware_key
        where hardware.hardware_key <> '*'
    )

select *
from final
