-- Keys by which runs name a run of another source: tags of run events, and the
-- experiment
-- that CodeCarbon was given. One row per source, run, attempt and kind of key.
with
    tags as (select * from {{ ref("stg_run_events__tags") }}),
    tracked as (select * from {{ ref("int_runs__codecarbon_runs") }}),
    key_parts as (select * from {{ ref("run_identity_keys") }}),

    tags_told as (
        select
            tags.run_id,
            tags.attempt,
            key_parts.key_kind,
            key_parts.part,
            max(tags.event_at_utc) as told_at_utc,
            max_by(
                tags.tag_value, concat(tags.event_at_utc, ' ', tags.event_id)
            ) as tag_value
        from tags
        inner join key_parts on tags.tag_key = key_parts.tag_key
        where tags.tag_value <> ''
        group by tags.run_id, tags.attempt, key_parts.key_kind, key_parts.part
    ),

    parts_wanted as (
        select key_kind, count(*) as parts from key_parts group by key_kind
    ),

    tags_joined as (
        select
            tags_told.run_id,
            tags_told.attempt,
            tags_told.key_kind,
            replace(
                {{ joined_text("tags_told.tag_value", "tags_told.part") }}, ', ', ':'
            ) as key_value,
            max(tags_told.told_at_utc) as told_at_utc,
            count(*) as parts
        from tags_told
        group by tags_told.run_id, tags_told.attempt, tags_told.key_kind
    ),

    final as (
        select
            'run_events' as source,
            tags_joined.run_id as source_run_id,
            tags_joined.attempt as source_attempt,
            tags_joined.key_kind,
            lower(tags_joined.key_value) as key_value,
            tags_joined.told_at_utc
        from tags_joined
        inner join
            parts_wanted
            on tags_joined.key_kind = parts_wanted.key_kind
            and tags_joined.parts = parts_wanted.parts
        union all
        select
            'codecarbon' as source,
            source_run_id,
            cast(1 as bigint) as source_attempt,
            'run' as key_kind,
            lower(experiment_id) as key_value,
            ended_at_utc as told_at_utc
        from tracked
        where experiment_id is not null
    )

select *
from final
