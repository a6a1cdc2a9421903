-- Whose the bill's tags say charges are: the first of the configured keys that has a
-- value, as text to compare. One row per tags of a charge and kind of owner.
with
    identities as (select * from {{ ref("int_cost__identities") }}),
    tag_keys as (select * from {{ ref("int_settings__tag_keys") }}),

    tags as (
        select tags_json
        from identities
        where tags_json is not null and tags_json <> '{}'
        group by tags_json
    ),

    entries as (
        select
            tags.tags_json,
            -- AWS writes who made a tag before its key.
            {{
                alias_key(
                    "regexp_replace(lower(entry.tag.key), '^(resourcetags/)?user:', '')"
                )
            }} as tag_key,
            trim(entry.tag.value) as tag_value
        from tags {{ unnested(json_entries("tags.tags_json"), "entry", "tag") }}
    ),

    entries_ranked as (
        select
            entries.tags_json,
            tag_keys.tag_kind,
            lower(entries.tag_value) as tag_value,
            {{ tag_value_key("entries.tag_value") }} as tag_value_key,
            row_number() over (
                partition by entries.tags_json, tag_keys.tag_kind
                order by tag_keys.tag_rank, entries.tag_value
            ) as preference
        from entries
        inner join tag_keys on entries.tag_key = tag_keys.tag_key
        where entries.tag_value <> ''
    ),

    final as (
        select tags_json, tag_kind, tag_value, tag_value_key
        from entries_ranked
        where preference = 1
    )

select *
from final
