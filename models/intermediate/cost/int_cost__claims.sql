-- What runs, and machines of runs that stood idle, have of charges: the part of each
-- charge in its own exact decimals, so that parts never come to more than the charge,
-- and whole ones to the charge. What is left of it is in nobody's claim. One row per
-- charge and run, and one without a run for what is idle.
with
    charges as (select * from {{ ref("int_cost__charges_wanted") }}),
    direct_shares as (select * from {{ ref("int_cost__direct_shares") }}),
    shared_charges as (select * from {{ ref("int_cost__shared_charges") }}),

    shares as (
        select *
        from direct_shares
        union all
        select *
        from shared_charges
    ),

    shares_placed as (
        select
            *,
            cast(
                sum(cast(share as decimal(38, 18))) over up_to_here as double
            ) as share_to,
            row_number() over up_to_here as part_number
        from shares
        window
            up_to_here as (
                partition by charge_number
                order by case when run_id is null then 1 else 0 end, run_id
                rows between unbounded preceding and current row
            )
    ),

    charges_parted as (
        select
            charges.*,
            shares_placed.run_id,
            case
                when shares_placed.run_id is null then 'idle' else 'run'
            end as allocation,
            shares_placed.cost_method,
            shares_placed.share,
            shares_placed.part_hours,
            shares_placed.whole_hours,
            shares_placed.share_text,
            shares_placed.part_number,
            {% for amount, scale in claimed_amounts() %}
                {{ amount_to("charges." ~ amount, "shares_placed.share_to", scale) }}
                as {{ amount }}_to
                {%- if not loop.last %},{% endif %}
            {% endfor %}
        from shares_placed
        inner join charges on shares_placed.charge_number = charges.charge_number
        where charges.x_split_effective_cost is null
    ),

    final as (
        select
            *,
            -- A charge is a row of the bill, whoever has parts of it.
            case when part_number = 1 then 1 else 0 end as line_rows,
            {% for amount, scale in claimed_amounts() %}
                {{ amount }}_to - coalesce(
                    lag({{ amount }}_to) over (
                        partition by charge_number order by part_number
                    ),
                    0
                ) as {{ amount }}_claimed
                {%- if not loop.last %},{% endif %}
            {% endfor %}
        from charges_parted
    )

select *
from final
