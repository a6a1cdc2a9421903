-- Embodied emissions of an hour of a whole machine, and of a vCPU: what a bill's
-- machine-hour is worth in manufacture. One row per provider, site and hardware key.
with
    machines as (select * from {{ ref("int_energy__hardware_catalogue") }}),
    servers as (select * from {{ ref("int_carbon__embodied_servers") }}),
    accelerators as (select * from {{ ref("int_carbon__embodied_accelerators") }}),

    final as (
        select
            servers.provider_code,
            servers.site_name,
            servers.hardware_key,

            servers.embodied_method,

            servers.kg_co2e,
            servers.per_vcpus,
            servers.kg_co2e
            * 1000
            / servers.per_vcpus
            / servers.lifetime_hours as vcpu_g_co2e_per_hour,
            servers.kg_co2e
            * 1000
            * machines.powered_vcpus
            / servers.per_vcpus
            / servers.lifetime_hours
            + case
                when machines.accelerator_count = 0
                then 0.0
                else
                    machines.accelerator_count
                    * machines.accelerator_share
                    * accelerators.kg_co2e
                    * 1000
                    / accelerators.lifetime_hours
            end as machine_g_co2e_per_hour,

            servers.factor_key,
            servers.source_id
        from servers
        left join machines using (provider_code, site_name, hardware_key)
        left join
            accelerators on machines.accelerator_model = accelerators.accelerator_model
    )

select *
from final
