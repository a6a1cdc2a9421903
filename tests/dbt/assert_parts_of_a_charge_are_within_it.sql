-- What runs and idle machines have of a charge has its sign and is no more than it;
-- where they have all of it, it is the charge to the last digit.
with
    claims as (select * from {{ ref("int_cost__claims") }}),

    charges as (
        select
            charge_number,
            max(effective_cost) as effective_cost,
            max(billed_cost) as billed_cost,
            sum(effective_cost_claimed) as effective_cost_claimed,
            sum(billed_cost_claimed) as billed_cost_claimed,
            sum(share) as share,
            min(share) as least_share
        from claims
        group by charge_number
    )

select *
from charges
where
    share > 1.000000001
    or least_share < 0
    or abs(effective_cost_claimed) > abs(effective_cost)
    or effective_cost_claimed * sign(effective_cost) < 0
    or (
        share > 0.9999999999
        and (
            effective_cost_claimed <> effective_cost
            or billed_cost_claimed <> billed_cost
        )
    )
