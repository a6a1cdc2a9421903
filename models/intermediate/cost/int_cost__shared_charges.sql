-- Charges of machines that runs share, with each run's part and what is idle: as the
-- provider splits them, else by what runs held. Parts never come to more than the
-- charge. One row per charge and run, and one without a run for what is idle.
with
    charges as (select * from {{ ref("int_cost__charges_wanted") }}),
    direct_shares as (select * from {{ ref("int_cost__direct_shares") }}),
    split_shares as (select * from {{ ref("int_cost__split_shares") }}),
    machine_shares as (select * from {{ ref("int_cost__machine_shares") }}),
    machine_periods as (select * from {{ ref("int_cost__machine_periods") }}),

    runs_on_machines as (
        select
            resource_text,
            charge_start_at_utc,
            period_end_at_utc,
            run_id,
            {{ exact_sum("share") }} as share,
            {{ exact_sum("part_hours") }} as part_hours,
            max(whole_hours) as whole_hours,
            max(share_text) as share_text
        from machine_shares
        group by resource_text, charge_start_at_utc, period_end_at_utc, run_id
    ),

    told as (
        select
            resource_text,
            charge_start_at_utc,
            period_end_at_utc,
            run_id,
            share,
            cast(null as double) as part_hours,
            cast(null as double) as whole_hours,
            share_text
        from split_shares
        union all
        select runs_on_machines.*
        from runs_on_machines
        left join
            split_shares using (
                resource_text, charge_start_at_utc, period_end_at_utc, run_id
            )
        where split_shares.share is null
        union all
        -- What the provider does not split is idle where no run was on it.
        select
            machine_periods.resource_text,
            machine_periods.charge_start_at_utc,
            machine_periods.period_end_at_utc,
            cast(null as string) as run_id,
            cast(1.0 as double) as share,
            cast(null as double) as part_hours,
            cast(null as double) as whole_hours,
            'no run held it' as share_text
        from machine_periods
        left join
            split_shares
            on machine_periods.resource_text = split_shares.resource_text
            and machine_periods.charge_start_at_utc = split_shares.charge_start_at_utc
            and machine_periods.period_end_at_utc = split_shares.period_end_at_utc
            and split_shares.run_id is null
        where split_shares.resource_text is null
    ),

    told_summed as (
        select
            *,
            cast(
                sum(
                    cast(case when run_id is not null then share end as decimal(38, 18))
                ) over (
                    partition by resource_text, charge_start_at_utc, period_end_at_utc
                ) as double
            ) as runs_share
        from told
    ),

    told_scaled as (
        select
            *,
            case
                when run_id is null
                then least(share, greatest(1.0 - coalesce(runs_share, 0.0), 0.0))
                when runs_share > 1.0
                then share / runs_share
                else share
            end as share_of_charge
        from told_summed
    ),

    final as (
        select
            charges.charge_number,
            told_scaled.run_id,
            'billed_share' as cost_method,
            told_scaled.share_of_charge as share,
            told_scaled.part_hours,
            told_scaled.whole_hours,
            told_scaled.share_text
        from charges
        inner join
            told_scaled
            on charges.resource_text = told_scaled.resource_text
            and charges.charge_start_at_utc = told_scaled.charge_start_at_utc
            and charges.period_end_at_utc = told_scaled.period_end_at_utc
        left join
            (select charge_number from direct_shares group by charge_number) as directly
            on charges.charge_number = directly.charge_number
        where
            directly.charge_number is null
            and charges.x_split_effective_cost is null
            and told_scaled.share_of_charge > 0.000000000001
    )

select *
from final
