{#- The median of a column over rows that each stand for a number of equal ones, by keys: the lowest
    value that at least half of them do not exceed. -#}
{% macro weighted_median(relation, keys, column, weight) -%}
    select
        {{ keys | join(', ') }},
        min({{ column }}) as median
    from (
        select
            *,
            sum({{ weight }}) over (
                partition by {{ keys | join(', ') }}
                order by {{ column }}
            ) as weight_so_far,
            sum({{ weight }}) over (partition by {{ keys | join(', ') }}) as whole_weight
        from {{ relation }}
    )
    where weight_so_far * 2 >= whole_weight
    group by {{ keys | join(', ') }}
{%- endmacro %}
