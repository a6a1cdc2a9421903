-- Each rung of the energy ladder, in order, and why it was taken or not:
-- `rung: reason`, separated by `; `. One row per run, attempt and component.
with
    facts as (select * from {{ ref("int_energy__rung_facts") }}),

    rungs as (
        select
            run_id,
            attempt,
            component,

            case
                when energy_method = 'measured'
                then concat('taken: ', meter_text)
                else meter_text
            end as measured,
            case
                when energy_method = 'measured_partial'
                then 'taken'
                when energy_method = 'measured'
                then 'not needed'
                when measured_energy_kwh is not null
                then 'nothing fills the hole'
                else 'nothing measured'
            end as measured_partial,
            case
                when energy_method = 'measured'
                then 'not needed'
                when energy_method = 'calibrated'
                then concat('taken: ', calibrated_text)
                when
                    energy_method = 'measured_partial'
                    and modelled_method = 'calibrated'
                then concat('fills what no meter covered: ', calibrated_text)
                when model_missing_reason is not null
                then model_missing_reason
                when utilization_origin like 'default%'
                then 'no utilisation reported'
                else no_calibration_text
            end as calibrated,
            {% for rung in ["utilization", "allocation"] %}
                case
                    when energy_method = '{{ rung }}'
                    then 'taken'
                    when
                        energy_method = 'measured_partial'
                        and modelled_method = '{{ rung }}'
                    then 'fills what no meter covered'
                    when energy_method = 'measured' or modelled_method = 'calibrated'
                    then 'not needed'
                    when model_missing_reason is not null
                    then model_missing_reason
                    {% if rung == "utilization" %}
                        when utilization_origin like 'default%'
                        then 'no utilisation reported'
                    {% else %} when modelled_method = 'utilization' then 'not needed'
                    {% endif %}
                    else 'does not apply'
                end as {{ rung }},
            {% endfor %}
            case
                when estimate_text is null
                then 'no other tool reported'
                when energy_method = 'external_estimate'
                then concat('taken: ', estimate_text)
                when
                    energy_method = 'measured_partial'
                    and modelled_method = 'external_estimate'
                then concat('fills what no meter covered: ', estimate_text)
                when energy_method = 'missing'
                then concat(estimate_text, ', which does not fill the hole')
                else concat(estimate_text, ', and better is known')
            end as external_estimate,
            case
                when energy_method = 'spend'
                then concat('taken: ', power_basis)
                when energy_method = 'missing'
                then no_spend_text
                else 'not needed'
            end as spend,
            case
                when energy_method = 'missing'
                then concat('taken: ', missing_reason)
                else 'not needed'
            end as missing
        from facts
    ),

    final as (
        select
            run_id,
            attempt,
            component,
            concat(
                {% for rung in [
                    "measured",
                    "measured_partial",
                    "calibrated",
                    "utilization",
                    "allocation",
                    "external_estimate",
                    "spend",
                    "missing",
                ] %}
                    '{{ rung }}: ', {{ rung }}{% if not loop.last %}, '; ', {% endif %}
                {% endfor %}
            ) as rungs_considered
        from rungs
    )

select *
from final
