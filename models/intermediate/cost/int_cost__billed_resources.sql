-- What the bill charges for the runs' own resources while the runs used them. One row
-- per run, billing period, provider, sub-account and currency.
with
    charges as (select * from {{ ref("int_cost__claims") }}),
    providers as (select * from {{ ref("providers") }}),

    final as (
        select
            charges.run_id,
            charges.billing_period_date,
            coalesce(
                providers.provider_code, lower(charges.provider_name)
            ) as provider_code,
            charges.sub_account_id,
            charges.billing_currency,

            sum(charges.effective_cost) as effective_cost_exact,

            min(concat(charges.source_file, ' row ', charges.source_row)) as one_line,
            count(*) as line_rows
        from charges
        left join
            providers on lower(charges.provider_name) = providers.provider_name_key
        group by all
    )

select *
from final
