-- Names of jobs that are runs also where only a scheduler or a lineage tells of them,
-- as patterns for `like` with the escape character `!`. One row per pattern.
with
    parameters as (select * from {{ ref("stg_settings__parameters") }}),

    final as (
        select
            replace(
                replace(replace(replace(value, '!', '!!'), '%', '!%'), '_', '!_'),
                '*',
                '%'
            ) as name_like
        from parameters
        where regexp_extract(parameter, '^runs\.jobs\.([0-9]+)$', 1) <> ''
        group by value
    )

select *
from final
