-- What the bill charges for the runs' own resources while the runs used them.
-- One row per run, billing period, provider, sub-account and currency.
with
    charges as (select * from {{ ref("stg_focus__charges") }}),
    run_resources as (select * from {{ ref("int_cost__run_resources") }}),

    final as (
        select
            run_resources.run_id,
            charges.billing_period_date,
            charges.provider_name,
            charges.sub_account_id,
            charges.billing_currency,

            sum(charges.effective_cost) as effective_cost_exact,
            sum(charges.billed_cost) as billed_cost_exact,

            min(concat(charges.source_file, ' row ', charges.source_row)) as one_line,
            count(*) as line_rows
        from charges
        inner join
            run_resources
            on charges.resource_id = run_resources.resource_id
            and charges.charge_start_at_utc < run_resources.stopped_at_utc
            and charges.charge_end_at_utc > run_resources.started_at_utc
        group by all
    )

select *
from final
