-- What stands in for a server that no source lists: the sum of the machine's own chips
-- and memory; where they are not known a figure per vCPU. hardware_key '*' is a machine
-- nobody knows. One row per provider, site and hardware key.
with
    machines as (select * from {{ ref("int_energy__hardware_catalogue") }}),
    constants as (select * from {{ ref("int_carbon__embodied_constants") }}),

    machines_sized as (
        select
            provider_code,
            site_name,
            hardware_key,
            platform_vcpus,
            platform_chips,
            memory_gib
            / nullif(powered_vcpus, 0)
            * platform_vcpus as platform_memory_gib
        from machines
        union all
        select
            '*' as provider_code,
            '' as site_name,
            '*' as hardware_key,
            cast(null as double) as platform_vcpus,
            cast(null as double) as platform_chips,
            cast(null as double) as platform_memory_gib
    ),

    of_components as (
        select
            machines_sized.*,
            constants.*,
            platform_chips - 1 as further_chips,
            greatest(platform_memory_gib - server_base_memory_gib, 0.0) as further_gib
        from machines_sized
        cross join constants
        where platform_chips is not null and platform_memory_gib is not null
    ),

    final as (
        select
            provider_code,
            site_name,
            hardware_key,

            'server_components_estimate' as embodied_method,

            server_base_kg_co2e
            + further_chips * chip_kg_co2e
            + further_gib * memory_kg_co2e_per_gib as kg_co2e,
            cast(null as double) as low_kg_co2e,
            cast(null as double) as high_kg_co2e,
            platform_vcpus as per_vcpus,
            server_lifetime_years * 8760 as lifetime_hours,

            concat(
                server_base_kg_co2e,
                ' + ',
                further_chips,
                ' * ',
                chip_kg_co2e,
                ' + ',
                further_gib,
                ' * ',
                memory_kg_co2e_per_gib
            ) as kg_arithmetic,
            'embodied_constants: server_base, chip and memory' as factor_key,
            server_base_kg_co2e_source_id as source_id,
            'component_estimate' as uncertainty_key
        from of_components
        union all
        select
            provider_code,
            site_name,
            hardware_key,

            'vcpu_default' as embodied_method,

            server_kg_co2e_per_vcpu as kg_co2e,
            server_kg_co2e_per_vcpu_low as low_kg_co2e,
            server_kg_co2e_per_vcpu_high as high_kg_co2e,
            1.0 as per_vcpus,
            server_lifetime_years * 8760 as lifetime_hours,

            cast(server_kg_co2e_per_vcpu as string) as kg_arithmetic,
            'embodied_constants: server_kg_co2e_per_vcpu' as factor_key,
            server_kg_co2e_per_vcpu_source_id as source_id,
            'default' as uncertainty_key
        from machines_sized
        cross join constants
        where platform_chips is null or platform_memory_gib is null
    )

select *
from final
