{#- When something was known to be so: of signed counts per day of knowledge (`changed_on`,
    `difference`), the spans from `known_on` to before `known_until` in which they add up to more
    than none. -#}
{% macro known_spans(changes, keys) -%}
    select
        {{ keys | join(', ') }},
        changed_on as known_on,
        coalesce(next_changed_on, date '9999-12-31') as known_until
    from (
        select
            *,
            lead(changed_on) over (
                partition by {{ keys | join(', ') }}
                order by changed_on
            ) as next_changed_on
        from (
            select
                *,
                coalesce(lag(is_so) over (
                    partition by {{ keys | join(', ') }}
                    order by changed_on
                ), false) as was_so
            from (
                select
                    {{ keys | join(', ') }},
                    changed_on,
                    sum(sum(difference)) over (
                        partition by {{ keys | join(', ') }}
                        order by changed_on
                    ) > 0 as is_so
                from {{ changes }}
                group by {{ keys | join(', ') }}, changed_on
            )
        )
        where is_so <> was_so
    )
    where is_so
{%- endmacro %}
