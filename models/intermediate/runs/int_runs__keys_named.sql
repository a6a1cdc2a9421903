-- Keys by which runs name a run of another source, out of their tags. A key of several
-- parts needs them all, or what a part is where nobody says it. One row per source,
-- run, attempt and kind of key.
with
    tags as (select * from {{ ref("int_runs__tags_told") }} where tag_value <> ''),
    key_parts as (select * from {{ ref("run_identity_keys") }}),

    parts_told as (
        select
            tags.source,
            tags.source_run_id,
            tags.source_attempt,
            key_parts.key_kind,
            key_parts.part,
            max(tags.told_at_utc) as told_at_utc,
            max_by(
                tags.tag_value, concat(tags.told_at_utc, ' ', tags.told_by)
            ) as part_value
        from tags
        inner join key_parts on tags.tag_key = key_parts.tag_key
        group by all
    ),

    kinds_told as (
        select
            source,
            source_run_id,
            source_attempt,
            key_kind,
            max(told_at_utc) as told_at_utc
        from parts_told
        group by all
    ),

    final as (
        select
            kinds_told.source,
            kinds_told.source_run_id,
            kinds_told.source_attempt,
            kinds_told.key_kind,
            {{
                joined_text(
                    "lower(coalesce(parts_told.part_value, key_parts.if_untold))",
                    "key_parts.part",
                    separator=":",
                )
            }} as key_value,
            kinds_told.told_at_utc
        from kinds_told
        inner join key_parts on kinds_told.key_kind = key_parts.key_kind
        left join
            parts_told
            on kinds_told.source = parts_told.source
            and kinds_told.source_run_id = parts_told.source_run_id
            and kinds_told.source_attempt = parts_told.source_attempt
            and kinds_told.key_kind = parts_told.key_kind
            and key_parts.part = parts_told.part
        group by
            kinds_told.source,
            kinds_told.source_run_id,
            kinds_told.source_attempt,
            kinds_told.key_kind,
            kinds_told.told_at_utc
        having count(coalesce(parts_told.part_value, key_parts.if_untold)) = count(*)
    )

select *
from final
