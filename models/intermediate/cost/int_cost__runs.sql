-- Cost of each run by the best rung there is: `billed_resource`, `site_rate`,
-- `missing`. One row per run.
with
    attempts as (select * from {{ ref("int_runs__resources") }}),
    billed as (select * from {{ ref("int_cost__billed_resources") }}),
    runs_at_site_rate as (select * from {{ ref("int_cost__site_rates") }}),
    settings as (select * from {{ ref("int_settings__parameters") }}),

    runs_billed as (
        select
            run_id,
            max(billing_currency) as billing_currency,
            count(distinct billing_currency) as currencies,
            cast(sum(effective_cost_exact) as double) as effective_cost,
            sum(line_rows) as line_rows,
            min(one_line) as one_line
        from billed
        group by run_id
    ),

    runs_costed as (
        select
            attempts.run_id,
            settings.reporting_currency,
            runs_billed.billing_currency,
            runs_billed.currencies,
            runs_billed.effective_cost as billed_cost,
            runs_billed.line_rows,
            runs_billed.one_line,
            runs_at_site_rate.price_currency,
            runs_at_site_rate.effective_cost as site_cost,
            runs_at_site_rate.cost_origin as site_origin
        from (select run_id from attempts group by run_id) as attempts
        cross join settings
        left join runs_billed on attempts.run_id = runs_billed.run_id
        left join runs_at_site_rate on attempts.run_id = runs_at_site_rate.run_id
    ),

    runs_with_method as (
        select
            *,
            case
                when
                    billed_cost is not null
                    and currencies = 1
                    and billing_currency = reporting_currency
                then 'billed_resource'
                when site_cost is not null and price_currency = reporting_currency
                then 'site_rate'
                else 'missing'
            end as cost_method
        from runs_costed
    ),

    final as (
        select
            run_id,

            cost_method,
            reporting_currency as cost_currency,

            case
                cost_method
                when 'billed_resource'
                then billed_cost
                when 'site_rate'
                then site_cost
            end as effective_cost,

            case
                cost_method
                when 'billed_resource'
                then
                    concat(
                        one_line,
                        case
                            when line_rows > 1
                            then concat(' and ', line_rows - 1, ' more of the resource')
                            else ''
                        end
                    )
                when 'site_rate'
                then site_origin
            end as cost_origin,
            case
                when cost_method <> 'missing'
                then null
                when billed_cost is not null or site_cost is not null
                then 'no_exchange_rate'
                else 'no_bill_and_no_rate'
            end as missing_cost_reason
        from runs_with_method
    )

select *
from final
