-- Machines that can be rented or that a site owns, as their seller, their owner or
-- their name describes them. powered_vcpus is what draws power where that is not the
-- vCPUs sold: the parent size of constrained vCPUs, the share of a shared core;
-- accelerator_share what one that is counted is of a device. One row per provider, site
-- and hardware key (the type's name in lower case).
with
    instance_types as (select * from {{ ref("instance_types") }}),
    types_named as (select * from {{ ref("int_energy__types_named") }}),
    hosts as (select * from {{ ref("stg_settings__hosts") }}),
    cpu_model_rules as (select * from {{ ref("cpu_model_rules") }}),
    microarchitectures as (select * from {{ ref("microarchitectures") }}),
    accelerators_named as (select * from {{ ref("int_energy__accelerators_named") }}),

    host_processors as (
        select
            hosts.site_name,
            hosts.host_type,
            -- The owner may name the microarchitecture itself, or the processor's
            -- model.
            coalesce(
                max(named.cpu_microarchitecture),
                max(cpu_model_rules.cpu_microarchitecture)
            ) as cpu_microarchitecture
        from hosts
        left join
            cpu_model_rules
            on lower(hosts.cpu_model) like cpu_model_rules.cpu_model_like
        left join
            microarchitectures as named
            on lower(hosts.cpu_model) = lower(named.cpu_microarchitecture)
        group by hosts.site_name, hosts.host_type
    ),

    site_hosts as (
        select
            'on_premise' as provider_code,
            hosts.site_name,
            lower(hosts.host_type) as hardware_key,

            hosts.host_type as instance_type,
            cast(null as string) as instance_family,
            host_processors.cpu_microarchitecture,
            coalesce(
                accelerators_named.accelerator_model, hosts.accelerator_model
            ) as accelerator_model,

            hosts.vcpus,
            hosts.vcpus as powered_vcpus,
            hosts.memory_gib,
            coalesce(hosts.accelerator_count, 0.0) as accelerator_count,
            coalesce(accelerators_named.accelerator_share, 1.0) as accelerator_share,
            hosts.vcpus as platform_vcpus,
            ceil(hosts.vcpus / microarchitectures.max_vcpus_per_chip) as platform_chips,

            concat(
                'settings: sites.', hosts.site_name, '.hosts.', hosts.host_type
            ) as hardware_origin
        from hosts
        inner join host_processors using (site_name, host_type)
        left join
            microarchitectures
            on host_processors.cpu_microarchitecture
            = microarchitectures.cpu_microarchitecture
        left join
            accelerators_named
            on lower(trim(hosts.accelerator_model))
            = accelerators_named.accelerator_name
    ),

    cloud_types as (
        select
            provider_code,
            '' as site_name,
            lower(instance_type) as hardware_key,

            instance_type,
            family as instance_family,
            cpu_microarchitecture,
            accelerator_model,

            cast(vcpus as double) as vcpus,
            powered_vcpus,
            memory_gib,
            coalesce(accelerator_count, 0.0) as accelerator_count,
            cast(1.0 as double) as accelerator_share,
            cast(platform_vcpus as double) as platform_vcpus,
            cast(platform_chips as double) as platform_chips,

            concat(
                'instance_types: ',
                provider_code,
                ', ',
                instance_type,
                ' (',
                source_id,
                ')'
            ) as hardware_origin
        from instance_types
    ),

    cloud_types_named as (
        select
            provider_code,
            '' as site_name,
            hardware_key,

            hardware_key as instance_type,
            cast(null as string) as instance_family,
            cpu_microarchitecture,
            accelerator_model,

            vcpus,
            powered_vcpus,
            memory_gib,
            accelerator_count,
            cast(1.0 as double) as accelerator_share,
            platform_vcpus,
            platform_chips,

            concat('by the naming rules ', rule_ids) as hardware_origin
        from types_named
    ),

    final as (
        select *
        from cloud_types
        union all
        select *
        from cloud_types_named
        union all
        select *
        from site_hosts
    )

select *
from final
