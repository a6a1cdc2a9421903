-- Machines whose server a source lists, with the figure that is taken: the type's own
-- before the family's, then the better method, then the newest version known at the
-- as-of time. One row per provider, site and hardware key that is listed.
with
    machines as (select * from {{ ref("int_energy__hardware_catalogue") }}),
    servers as (select * from {{ ref("stg_factors__embodied_servers") }}),

    servers_ranked as (
        select
            machines.provider_code,
            machines.site_name,
            machines.hardware_key,
            servers.family,
            servers.instance_type,
            servers.method,
            servers.server_kg_co2e,
            servers.low_kg_co2e,
            servers.high_kg_co2e,
            servers.platform_vcpus,
            servers.lifetime_years,
            servers.source_id,
            row_number() over (
                partition by
                    machines.provider_code, machines.site_name, machines.hardware_key
                order by
                    case when servers.instance_type = '*' then 1 else 0 end,
                    servers.method_rank,
                    servers.published_on desc,
                    servers.recorded_at_utc desc,
                    servers.source_id
            ) as preference
        from machines
        inner join
            servers
            on machines.provider_code = servers.provider_code
            and machines.instance_family = servers.family
            and machines.platform_vcpus = servers.platform_vcpus
            and servers.instance_type in (machines.instance_type, '*')
        where {{ known_by_as_of("servers.published_on", "servers.recorded_on") }}
    ),

    final as (
        select
            provider_code,
            site_name,
            hardware_key,

            method as embodied_method,

            server_kg_co2e as kg_co2e,
            low_kg_co2e,
            high_kg_co2e,
            cast(platform_vcpus as double) as per_vcpus,
            lifetime_years * 8760 as lifetime_hours,

            cast(server_kg_co2e as string) as kg_arithmetic,
            concat(
                'embodied_servers: ',
                family,
                ', ',
                case
                    when instance_type = '*' then '' else concat(instance_type, ', ')
                end,
                platform_vcpus,
                ' vCPUs'
            ) as factor_key,
            source_id,
            'component_model' as uncertainty_key
        from servers_ranked
        where preference = 1
    )

select *
from final
