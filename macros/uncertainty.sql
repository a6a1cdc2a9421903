{# The interval of a total (docs/methodology.md, Uncertainty). A row's sigma is the part of it that
   depends on one source of error × the source's log-standard-deviation. Rows of one source must have
   been added up before: they move together. #}
{# Variance of a total ÷ its square. Divided before it is squared: the square of a small sigma has no
   digits left in exact decimals. #}
{% macro relative_variance(sigma_of_source, total) -%}
    {{ exact_sum("power((" ~ sigma_of_source ~ ") / nullif(" ~ total ~ ", 0), 2)") }}
{%- endmacro %}

{# Nine tenths of a normal distribution lie within so many standard deviations of its middle. #}
{% macro z_90() -%} 1.645 {%- endmacro %}

{# Bounds of the 90 % interval around the median. Zero is known to be zero. #}
{% macro p05(total, relative_variance) -%}
    {{ _bound(total, relative_variance, "-") }}
{%- endmacro %}
{% macro p95(total, relative_variance) -%}
    {{ _bound(total, relative_variance, "") }}
{%- endmacro %}
{% macro _bound(total, relative_variance, sign) -%}
    case
        when {{ total }} = 0
        then 0.0
        else
            {{ total }}
            * exp({{ sign }}{{ z_90() }} * sqrt(ln(1 + {{ relative_variance }})))
    end
{%- endmacro %}
