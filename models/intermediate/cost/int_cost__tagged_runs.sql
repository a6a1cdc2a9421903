-- Tags of charges that name a run: by its id, here or at a source that tells of it, or,
-- as labels know neither capitals nor punctuation, by what its id comes to if no other
-- run's does. One row per tags.
with
    tagged as (select * from {{ ref("int_cost__tagged") }} where tag_kind = 'run'),
    identities as (select * from {{ ref("int_runs__identities") }}),

    ids as (
        select run_id, run_id as told_id
        from identities
        union
        select run_id, source_run_id as told_id
        from identities
    ),

    runs as (
        select
            run_id,
            lower(told_id) as run_text,
            {{ tag_value_key("told_id") }} as tag_value_key
        from ids
    ),

    keys_of_one_run as (
        select tag_value_key, min(run_id) as run_id
        from runs
        where tag_value_key <> ''
        group by tag_value_key
        having count(distinct run_id) = 1
    ),

    texts_of_one_run as (
        select run_text, min(run_id) as run_id
        from runs
        group by run_text
        having count(distinct run_id) = 1
    ),

    final as (
        select
            tagged.tags_json,
            coalesce(texts_of_one_run.run_id, keys_of_one_run.run_id) as run_id
        from tagged
        left join texts_of_one_run on tagged.tag_value = texts_of_one_run.run_text
        left join
            keys_of_one_run on tagged.tag_value_key = keys_of_one_run.tag_value_key
    )

select *
from final
where run_id is not null
