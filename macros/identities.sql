{# CTEs that end in `connected`: what is linked, directly or by way of others, has one
   `group_name`, the smallest of their names. Takes CTEs `nodes` (node) and `edges`
   (node, other_node; in both directions). Each takes the smallest name among those
   that it is linked to, and the name that the one of this name has by then: each step
   reaches twice as far. Six are enough for more than a hundred in a row. #}
{% macro connected_ctes(steps=6) %}
    step_0 as (select node, node as group_name from nodes),

    {% for step in range(1, steps + 1) %}
        hop_{{ step }} as (
            select
                edges.node, min(least(here.group_name, there.group_name)) as group_name
            from edges
            inner join step_{{ step - 1 }} as here on edges.node = here.node
            inner join step_{{ step - 1 }} as there on edges.other_node = there.node
            group by edges.node
        ),

        step_{{ step }} as (
            select
                here.node,
                least(
                    here.group_name,
                    coalesce(hops.group_name, here.group_name),
                    coalesce(there.group_name, here.group_name)
                ) as group_name
            from step_{{ step - 1 }} as here
            left join hop_{{ step }} as hops on here.node = hops.node
            left join hop_{{ step }} as there on hops.group_name = there.node
        ),
    {% endfor %}

    connected as (select node, group_name from step_{{ steps }})
{% endmacro %}
