-- What attempts that the bill does not name take of its unallocated machine-hours of
-- the same type and region, at the organisation's own price: from the account that
-- their project or resource names, else from all accounts by what is left there; never
-- more than that. One row per run, attempt, billing period, account and currency.
with
    attempts as (select * from {{ ref("int_cost__attempts_unbilled") }}),
    rates as (select * from {{ ref("int_cost__own_rates") }}),

    attempts_matched as (
        select
            attempts.run_id,
            attempts.attempt,
            attempts.first_date,
            attempts.instance_type,
            attempts.instance_hours,
            rates.*,
            case
                when
                    rates.account_key <> ''
                    and (
                        lower(attempts.project) = lower(rates.account_key)
                        or contains(
                            concat('/', replace(attempts.resource_id, ':', '/'), '/'),
                            concat('/', rates.account_key, '/')
                        )
                    )
                then 1
                else 0
            end as is_told_account
        from attempts
        inner join
            rates
            on attempts.billing_period_date = rates.billing_period_date
            and attempts.provider_code = rates.provider_code
            and attempts.region = rates.region
            and attempts.hardware_key = rates.hardware_key
        where attempts.instance_hours > 0
    ),

    attempts_placed as (
        select
            *,
            max(is_told_account) over (
                partition by run_id, attempt, billing_period_date
            ) as is_any_told
        from attempts_matched
    ),

    attempts_spread as (
        select
            *,
            instance_hours
            * hours_left
            / cast(
                sum(cast(hours_left as decimal(38, 12))) over (
                    partition by run_id, attempt, billing_period_date
                ) as double
            ) as wanted_hours
        from attempts_placed
        where is_told_account = is_any_told
    ),

    attempts_priced as (
        select
            *,
            wanted_hours * price_per_hour as wanted_cost,
            cast(
                sum(cast(wanted_hours * price_per_hour as decimal(38, 18))) over (
                    partition by
                        billing_period_date,
                        provider_code,
                        account_key,
                        region,
                        hardware_key,
                        billing_currency
                ) as double
            ) as wanted_cost_of_all
        from attempts_spread
    ),

    final as (
        select
            run_id,
            attempt,
            billing_period_date,
            provider_code,
            account_key,
            region,
            hardware_key,
            billing_currency,

            first_date,
            price_per_hour,
            -- More is not taken than is left.
            wanted_hours * least(1.0, cost_left / wanted_cost_of_all) as paid_hours,
            wanted_cost / greatest(cost_left, wanted_cost_of_all) as fraction_of_left,
            concat(
                'the organisation''s own price of ',
                instance_type,
                ' in ',
                region,
                case
                    when wanted_cost_of_all > cost_left * 1.000000001
                    then
                        concat(
                            ', for ',
                            round(cost_left / wanted_cost_of_all, 6),
                            ' of its hours: no more was left on the bill'
                        )
                    else ''
                end
            ) as share_text
        from attempts_priced
    )

select *
from final
