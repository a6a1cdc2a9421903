-- Names under which a resource of the bill can be found, the surest first: as it is
-- written, the id of an instance, the end of its path, its plain name; the last two
-- within the provider's region. One row per resource and name.
with
    identities as (select * from {{ ref("int_cost__identities") }}),
    providers as (select * from {{ ref("providers") }}),
    regions_named as (select * from {{ ref("int_carbon__regions_named") }}),

    resources as (
        select
            lower(identities.resource_id) as resource_text,
            lower(identities.resource_name) as resource_name,
            concat(
                coalesce(providers.provider_code, lower(identities.provider_name), ''),
                '|',
                coalesce(regions_named.region, identities.told_region, ''),
                '|'
            ) as place_text
        from identities
        left join
            providers on lower(identities.provider_name) = providers.provider_name_key
        left join
            regions_named
            on coalesce(identities.provider_name, '') = regions_named.told_provider
            and coalesce(identities.told_region, '') = regions_named.told_region
            and regions_named.told_zone = ''
        where identities.resource_id is not null
        group by all
    ),

    names as (
        select resource_text, resource_text as machine_name, 1 as name_rank
        from resources
        union all
        select resource_text, {{ cloud_instance_id("resource_text") }}, 2
        from resources
        union all
        select
            resource_text,
            concat(place_text, nullif({{ resource_path_end("resource_text") }}, '')),
            3
        from resources
        where {{ resource_path_end("resource_text") }} <> ''
        union all
        select
            resource_text,
            concat(place_text, {{ resource_name_end("resource_text") }}),
            4
        from resources
        union all
        select
            resource_text,
            concat(place_text, {{ resource_name_end("resource_name") }}),
            4
        from resources
        where resource_name is not null
    ),

    final as (
        select resource_text, machine_name, min(name_rank) as name_rank
        from names
        where machine_name <> ''
        group by resource_text, machine_name
    )

select *
from final
