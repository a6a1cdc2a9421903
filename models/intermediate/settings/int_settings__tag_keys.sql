-- Keys of the bill's tags that say whose a charge is, the first one of a kind first.
-- One row per kind and key.
with
    parameters as (select * from {{ ref("stg_settings__parameters") }}),

    parameters_read as (
        select
            regexp_extract(
                parameter, '^attribution\.([a-z]+)_tags\.([0-9]+)$', 1
            ) as tag_kind,
            cast(
                nullif(
                    regexp_extract(
                        parameter, '^attribution\.([a-z]+)_tags\.([0-9]+)$', 2
                    ),
                    ''
                ) as bigint
            ) as tag_rank,
            {{ alias_key("value") }} as tag_key
        from parameters
    ),

    final as (
        select tag_kind, tag_key, min(tag_rank) as tag_rank
        from parameters_read
        where tag_kind <> '' and tag_key <> ''
        group by tag_kind, tag_key
    )

select *
from final
