-- Charges of a run's own resource: usage of the resource while one of the run's
-- attempts
-- had it. Taxes, credits and refunds stay with nobody. One row per claimed charge.
with
    charges as (select * from {{ ref("int_billing__charges") }}),
    run_resources as (select * from {{ ref("int_cost__run_resources") }}),

    final as (
        select charges.*, run_resources.run_id
        from charges
        inner join
            run_resources
            on charges.resource_id = run_resources.resource_id
            and charges.charge_category = 'Usage'
            and charges.charge_start_at_utc < run_resources.stopped_at_utc
            and charges.charge_end_at_utc > run_resources.started_at_utc
            -- A charge of more than a day may span two tenures: it belongs to a sole
            -- one only.
            and (
                run_resources.tenures = 1
                or charges.charge_end_at_utc
                <= charges.charge_start_at_utc + interval 1 day
            )
    )

select *
from final
