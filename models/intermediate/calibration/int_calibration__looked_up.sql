-- The calibration that each component, and all of them together, find on the key
-- ladder: the narrowest that is good enough, where the load is known and near those it
-- was fitted at; and whether meters say that it is not for such a workload. One row per
-- run, attempt and component that finds one.
with
    subjects as (
        select
            *,
            {% for level in calibration_levels() %}
                {{ calibration_key(level) }} as {{ level }}_key
                {% if not loop.last %},{% endif %}
            {% endfor %}
        from {{ ref("int_calibration__subjects") }}
        where is_load_known
    ),
    calibrations as (
        select * from {{ ref("int_calibration__calibrations") }} where is_applied
    ),

    contradictions as (select * from {{ ref("int_calibration__contradictions") }}),

    candidates as (
        {% for level in calibration_levels() %}
            select
                subjects.*,
                calibrations.key_level,
                calibrations.key,
                calibrations.calibration_id,
                calibrations.scale,
                calibrations.constant_kw,
                calibrations.sqrt_kw,
                {{ loop.index }} as preference
            from subjects
            inner join
                calibrations
                on calibrations.key_level = '{{ level }}'
                and subjects.component = calibrations.component
                and subjects.{{ level }}_key = calibrations.key
            -- A scale holds at any load; what is added to it, near those it was seen
            -- at.
            where
                calibrations.form = 1
                or subjects.utilization_ratio is null
                or subjects.utilization_ratio
                between calibrations.min_utilization_ratio
                - 0.1 and calibrations.max_utilization_ratio
                + 0.1
            {% if not loop.last %}
                union all
            {% endif %}
        {% endfor %}
    ),

    candidates_ranked as (
        select
            *,
            row_number() over (
                partition by run_id, attempt, component order by preference
            ) as ladder_rank,
            {{
                calibrated_kwh(
                    "modelled_energy_kwh",
                    "scale",
                    "constant_kw",
                    "sqrt_kw",
                    "unit_hours",
                    "utilization_ratio",
                )
            }} as calibrated_energy_kwh
        from candidates
    ),

    final as (
        select
            run_id,
            attempt,
            component,
            calibration_id,
            preference,
            contradictions.points is not null as is_contradicted,

            modelled_energy_kwh,
            calibrated_energy_kwh,

            -- What is not a part of the model's figure, for a pocket calculator.
            case
                when calibrated_energy_kwh = 0.1 * modelled_energy_kwh
                then 0.1
                else scale
            end as factor,
            case
                when calibrated_energy_kwh = 0.1 * modelled_energy_kwh
                then ''
                else
                    concat(
                        case
                            when constant_kw <> 0
                            then
                                concat(
                                    ' + ',
                                    constant_kw * 1000,
                                    ' * ',
                                    unit_hours,
                                    ' / 1000'
                                )
                            else ''
                        end,
                        case
                            when sqrt_kw <> 0
                            then
                                concat(
                                    ' + ',
                                    sqrt_kw * 1000,
                                    ' * ',
                                    sqrt(utilization_ratio),
                                    ' * ',
                                    unit_hours,
                                    ' / 1000'
                                )
                            else ''
                        end
                    )
            end as unseen_arithmetic
        from candidates_ranked
        left join contradictions using (key_level, component, key, workload_kind)
        where ladder_rank = 1
    )

select *
from final
