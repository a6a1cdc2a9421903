{# The key ladder of a calibration (docs/methodology.md, Calibration), narrowest first. #}
{% macro calibration_levels() %}
    {{ return(["hardware_workload", "hardware", "hardware_family", "component"]) }}
{% endmacro %}

{# The key of an attempt's component at a level; null where a part of it is unknown. #}
{% macro calibration_key(level) -%}
    {%- if level == "hardware_workload" -%} hardware || ', ' || workload_kind
    {%- elif level == "hardware" -%} hardware
    {%- elif level == "hardware_family" -%} hardware_family
    {%- else -%} component
    {%- endif -%}
{%- endmacro %}

{# The sums that least squares need: of one, of the columns x1 (model), x2 (constant) and x3 (concave
   term), of their products, and of those with the model's error; all are over the run's weight. #}
{% macro calibration_sums() %}
    {{
        return(
            {
                "n": "1",
                "m1": "x1",
                "m2": "x2",
                "m3": "x3",
                "a11": "x1 * x1",
                "a12": "x1 * x2",
                "a13": "x1 * x3",
                "a22": "x2 * x2",
                "a23": "x2 * x3",
                "a33": "x3 * x3",
                "b1": "x1 * model_error",
                "b2": "x2 * model_error",
                "b3": "x3 * model_error",
            }
        )
    }}
{% endmacro %}

{# A calibrated energy, s·E + c·units·t + q·√u·units·t with c and q in kW per unit; never under a tenth
   of the model's, whatever a fit says far from the runs it has seen. #}
{% macro calibrated_kwh(
    energy_kwh, scale, constant_kw, sqrt_kw, unit_hours, utilization
) -%}
    case
        when {{ scale }} is not null
        then
            greatest(
                {{ scale }} * {{ energy_kwh }}
                + {{ constant_kw }} * {{ unit_hours }}
                + {{ sqrt_kw }}
                * coalesce(sqrt({{ utilization }}), 0.0)
                * {{ unit_hours }},
                0.1 * {{ energy_kwh }}
            )
    end
{%- endmacro %}

{# A bound of Wilson's 95 % interval of a share of n. #}
{% macro wilson(share, n, sign) -%}
    (
        {{ share }}
        + 1.96
        * 1.96
        / (2 * {{ n }}) {{ sign }} 1.96
        * sqrt(
            {{ share }} * (1 - {{ share }}) / {{ n }}
            + 1.96 * 1.96 / (4.0 * {{ n }} * {{ n }})
        )
    )
    / (1 + 1.96 * 1.96 / {{ n }})
{%- endmacro %}

{# Nine tenths of Student's t distribution lie within so much of its middle: Cornish and Fisher's
   expansion around the normal distribution, to the third order; from two degrees of freedom on
   within 2 % of the exact value, of one 12 % less. #}
{% macro student_t_90(degrees) -%}
    {%- set z = z_90() | trim | float -%}
    (
        {{ z }}
        + {{ ((z**3 + z) / 4) | round(9) }} / {{ degrees }}
        + {{ ((5 * z**5 + 16 * z**3 + 3 * z) / 96) | round(9) }}
        / power({{ degrees }}, 2)
        + {{ ((3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384) | round(9) }}
        / power({{ degrees }}, 3)
    )
{%- endmacro %}
