-- What changed in months that were over when they were published, and why: per figure
-- the causes in their order, each beginning where the one before ended. One row per
-- month, metric, unit, cause and pair of versions.
with
    restatements as (select * from {{ ref("stg_landing__restatements") }}),

    final as (
        select
            month,
            metric,
            before,
            after,
            cause,
            from_version,
            to_version,

            change,
            unit,
            cause_number,
            runs,
            from_as_of_utc,
            to_as_of_utc
        from restatements
    )

select *
from final
