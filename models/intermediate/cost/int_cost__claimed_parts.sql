-- What runs claim of the bill, by resource and day. One row per run, rung, resource,
-- text of the share, day, billing period, provider, accounts, service, region and
-- currency.
with
    claims as (select * from {{ ref("int_cost__claims") }}),

    final as (
        select
            run_id,
            cost_method,
            coalesce(resource_id, '') as resource_id,
            share_text,
            usage_date,
            billing_period_date,
            provider_code,
            sub_account_id,
            coalesce(service_name, '') as service_name,
            coalesce(region, '') as region,
            billing_currency,

            sum(effective_cost_claimed) as effective_cost_exact,
            sum(billed_cost_claimed) as billed_cost_exact,
            sum(effective_cost) as whole_cost_exact,
            {{ exact_sum("part_hours") }} as part_hours,
            {{ exact_sum("whole_hours") }} as whole_hours,

            min(concat(source_file, ' row ', source_row)) as one_line,
            count(*) as charge_rows
        from claims
        where run_id is not null
        group by all
    )

select *
from final
