-- Which run and attempt each run is that a source tells of. A run of events keeps its
-- own name, and what is the same run goes by it; where several of them are parts of one
-- job of another source, the job is the run. One row per source, run and attempt as
-- told.
with
    told as (select * from {{ ref("int_runs__identity_attempts") }}),
    links as (select * from {{ ref("int_runs__identity_links") }}),
    names as (select * from {{ ref("int_runs__identity_names") }}),
    numbers as (select * from {{ ref("int_runs__identity_numbers") }}),

    keys as (
        select
            source,
            source_run_id,
            min(key_kind) as key_kind,
            min_by(key_value, concat(key_kind, ' ', key_value)) as key_value
        from links
        group by source, source_run_id
    ),

    final as (
        select
            told.source,
            told.source_run_id,
            told.source_attempt,

            coalesce(names.run_id, told.source_run_id) as run_id,
            coalesce(numbers.attempt, told.source_attempt) as attempt,

            keys.key_kind,
            keys.key_value
        from told
        left join
            names
            on told.source = names.source
            and told.source_run_id = names.source_run_id
        left join
            numbers
            on told.source = numbers.source
            and told.source_run_id = numbers.source_run_id
            and told.source_attempt = numbers.source_attempt
        left join
            keys
            on told.source = keys.source
            and told.source_run_id = keys.source_run_id
    )

select *
from final
