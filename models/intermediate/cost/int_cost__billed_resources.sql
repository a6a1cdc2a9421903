-- What the bill charges for the runs' own resources while the runs used them.
-- One row per run, billing period, provider, sub-account and currency.
with
    charges as (select * from {{ ref("int_billing__charges_attributed") }}),

    final as (
        select
            run_id,
            billing_period_date,
            provider_code,
            sub_account_id,
            billing_currency,

            sum(effective_cost) as effective_cost_exact,

            min(concat(source_file, ' row ', source_row)) as one_line,
            count(*) as line_rows
        from charges
        where run_id is not null
        group by all
    )

select *
from final
